import type { BoundTable } from '../columns/bound.ts';
import type { UniqueKey } from '../engine/bulk-engine.ts';
import type { Session } from '../engine/session.ts';
import { quoteTable } from './quote.ts';

/** Without those of a part of the rows, or of expressions: what they come to is not known here. */
const keysSql = `
SELECT i.indexrelid::text AS name, a.attname AS part FROM pg_index i
JOIN LATERAL pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, at) ON at <= i.indnkeyatts
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = pg_catalog.to_regclass(?)::oid AND i.indisunique AND i.indpred IS NULL AND i.indexprs IS NULL
ORDER BY i.indexrelid, k.at`;

export async function uniqueKeys(
  { query }: Pick<Session, 'query'>,
  { name, columns }: BoundTable,
): Promise<UniqueKey[]> {
  const caseless = new Set(
    columns.filter(({ declared }) => declared === 'citext').map((column) => column.name),
  );
  const keys = Map.groupBy(await query(keysSql, [quoteTable(name)]), (row) => row.name);
  return [...keys.values()].map((rows) => {
    const parts = rows.map(({ part }) => part ?? '');
    const merged = parts.flatMap((part, at) => (caseless.has(part) ? [at] : []));
    return {
      columns: parts,
      merges: merged.length > 0,
      takenFor: async (values) => {
        const taken = values.map((value) => [...value]);
        for (const at of merged) {
          const rows = await query(
            values
              .map((_, index) => `SELECT ${index} AS place, pg_catalog.lower(?::text) AS text`)
              .join(' UNION ALL '),
            values.map((value) => value[at] ?? ''),
          );
          for (const { place, text } of rows) (taken[Number(place)] as string[])[at] = text ?? '';
        }
        return taken.map((value) => JSON.stringify(value));
      },
    };
  });
}
