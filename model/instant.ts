/** What an example of it looks like, for those who gave another. */
export const instantExample = '2027-03-31T02:00:00Z or 2027-03-31T02:00:00+02:00';

const pattern = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

/**
 * Milliseconds since 1970 of an ISO time with its offset; null for any other text. Without one, each machine would take it for a
 * time of its own zone.
 */
export function instantOf(text: string): number | null {
  const [, day = ''] = pattern.exec(text) ?? [];
  const instant = Date.parse(text);
  if (day === '' || Number.isNaN(instant)) return null;
  // 30 February would be taken for a day in March.
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day) ? instant : null;
}
