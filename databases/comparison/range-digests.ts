import type { RangeDigest } from '../contract/comparison.ts';
import type { StoreContext } from '../sql/context.ts';
import type { Condition } from '../sql/keyset.ts';

/** A SELECT of texts called `line`, in their order. */
export type LineList = Condition;

/** One digest a list, in their order, by one statement. */
export async function digestEach(context: StoreContext, lists: readonly LineList[]): Promise<RangeDigest[]> {
  const { dialect } = context.engine;
  const statements = lists.map(
    ({ sql }, at) =>
      `SELECT ${at} AS place, COUNT(*) AS total, ${dialect.sha256(dialect.stringAgg('s.line'))} AS digest FROM (${sql}) s`,
  );
  const found = await context.query(
    statements.join('\nUNION ALL\n'),
    lists.flatMap(({ values }) => values),
  );
  const byPlace = new Map(found.map((digest) => [Number(digest.place), digest]));
  return lists.map((_, at) => ({
    rows: Number(byPlace.get(at)?.total ?? 0),
    digest: byPlace.get(at)?.digest ?? null,
  }));
}
