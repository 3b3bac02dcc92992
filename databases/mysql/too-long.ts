/** See `assertGiven`. */
const tooLong = "CONCAT(CHAR(0 USING utf8mb4), 'too long')";

/**
 * A function whose result is longer than `max_allowed_packet` gives NULL, and a warning that a SELECT does not fail for. Taken for
 * what is stored, it would be copied as NULL and compare as equal. So no such result is NULL, unless the value is.
 */
export function orTooLong(value: string, sql: string): string {
  return `COALESCE(${sql}, IF(${value} IS NULL, NULL, ${tooLong}))`;
}

/** SQL that holds where two texts have the same bytes, as far as the server can give both. */
export function sameBytes(bytes: (text: string) => string, stored: string, given: string): string {
  return `(${bytes(stored)} <=> ${bytes(given)} AND (${bytes(stored)} IS NULL) = (${stored} IS NULL) AND (${bytes(given)} IS NULL) = (${given} IS NULL))`;
}
