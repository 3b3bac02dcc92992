import type { UniqueKey } from '../engine/bulk-engine.ts';
import type { Parameter, Session } from '../engine/session.ts';
import { placeOf } from './quote.ts';

const keysSql = `
SELECT s.INDEX_NAME AS name, s.COLUMN_NAME AS part, s.SUB_PART AS prefix, c.CHARACTER_SET_NAME AS charset, c.COLLATION_NAME AS collation
FROM information_schema.STATISTICS s
LEFT JOIN information_schema.COLUMNS c ON c.TABLE_SCHEMA = s.TABLE_SCHEMA AND c.TABLE_NAME = s.TABLE_NAME AND c.COLUMN_NAME = s.COLUMN_NAME
WHERE s.TABLE_SCHEMA = COALESCE(?, DATABASE()) AND s.TABLE_NAME = ? AND s.NON_UNIQUE = 0
ORDER BY s.INDEX_NAME, s.SEQ_IN_INDEX`;

interface Part {
  readonly column: string;
  readonly prefix: number | null;
  /** The weight of a text, given as a parameter; null where its bytes tell. */
  readonly weight: string | null;
}

export async function uniqueKeys({ query }: Pick<Session, 'query'>, table: string): Promise<UniqueKey[]> {
  const place = placeOf(table);
  const keys = Map.groupBy(await query(keysSql, place), ({ name }) => name);
  return [...keys.values()].flatMap((rows) => {
    const found = rows.map(({ part, prefix, charset, collation }): Part => {
      const length = prefix == null ? null : Number(prefix);
      return {
        column: part ?? '',
        prefix: length,
        weight: charset && collation ? weightOf(charset, collation, length) : null,
      };
    });
    // What an expression or the beginning of bytes comes to is not known here.
    if (found.some(({ column, prefix, weight }) => column === '' || (prefix !== null && weight === null)))
      return [];
    return [
      {
        columns: found.map(({ column }) => column),
        merges: found.some(({ weight }) => weight !== null),
        takenFor: async (values) => {
          const taken = await Promise.all(
            found.map((part, at) =>
              weights(
                query,
                part,
                values.map((value) => value[at] ?? ''),
              ),
            ),
          );
          return values.map((_, at) => JSON.stringify(taken.map((of) => of[at])));
        },
      },
    ];
  });
}

/** As `=` compares texts: without blanks at the end, unless the collation counts them. */
function weightOf(charset: string, collation: string, prefix: number | null): string | null {
  if (/_nopad_bin$|_0900_bin$/.test(collation) && prefix === null) return null;
  const text = `CONVERT(? USING ${charset}) COLLATE ${collation}`;
  const begun = prefix === null ? text : `LEFT(${text}, ${prefix})`;
  return `HEX(WEIGHT_STRING(${/nopad|_0900_/.test(collation) ? begun : `TRIM(TRAILING ' ' FROM ${begun})`}))`;
}

async function weights(
  query: Session['query'],
  { prefix, weight }: Part,
  texts: readonly string[],
): Promise<readonly string[]> {
  if (weight === null || texts.length === 0) return texts;
  // A character has two units at most.
  const given: Parameter[] = texts.map((text) => (prefix === null ? text : text.slice(0, prefix * 2)));
  const rows = await query(
    texts.map((_, at) => `SELECT ${at} AS place, ${weight} AS weight`).join(' UNION ALL '),
    given,
  );
  const found = new Map(rows.map((row) => [Number(row.place), row.weight ?? '']));
  return texts.map((_, at) => found.get(at) ?? '');
}
