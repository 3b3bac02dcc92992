import { type Image, type Key, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { BoundEntity, TextRow } from '../columns/bound.ts';
import { keyFault } from '../columns/key-fault.ts';
import { keyFromCells } from '../columns/key-text.ts';
import { cellIn, textRowOf } from '../columns/rows.ts';
import type { ImagePage, PageRange } from '../contract/backfill.ts';
import type { StoreContext } from '../sql/context.ts';
import { createFittingKeys, isUnlimited } from '../sql/fitting-keys.ts';
import { imageOrReason } from '../sql/images.ts';
import { createKeys } from '../sql/keys.ts';
import { keysetOf } from '../sql/keyset.ts';

/** Images in the order of their keys, where they lie in one table: by few queries, and without their records. */
export function createImagePages(context: StoreContext) {
  const { keys } = createKeys(context);
  const { fittingKeys } = createFittingKeys(context);

  /** Null where the shape has several tables. */
  async function readImages(entity: Entity, range: PageRange): Promise<ImagePage | null> {
    const bound = await context.bind(entity);
    const { root } = bound;
    if (bound.tables.length > 1) return null;
    const { column, table } = context.engine.dialect;
    // A key of several rows must not be cut in two, nor a page be larger than the memory for it.
    const mayBeCut = !root.single || (range.maxBytes !== undefined && root.columns.some(isUnlimited));
    const all = mayBeCut ? await keys(entity, range) : null;
    const { after, maxBytes } = range;
    const ahead =
      all && maxBytes !== undefined ? (await fittingKeys(entity, all, { after, maxBytes })).keys : all;
    const last = ahead?.at(-1) ?? null;
    if (ahead && !last) return { records: [], notLoadable: [], last: null, full: false };
    const keyset = keysetOf(context.engine.dialect, bound);
    const { sql: where, values } = keyset.within({ lower: range.after, upper: last ?? range.upTo });
    const cells = root.columns.map((part, at) => `${part.read(`t.${column(part.name)}`)} AS c${at}`);
    const found = await context.query(
      `SELECT ${cells.join(', ')} FROM ${table(root.name)} t WHERE ${where}
       ORDER BY ${[keyset.order, ...root.identity.map((part) => `t.${column(part.name)}`)].join(', ')}${
         ahead ? '' : ` LIMIT ${Math.floor(range.limit)}`
       }`,
      values,
    );
    const rows = found.map((row) => textRowOf(root, row));
    const grouped = ahead
      ? byKey(bound, rows)
      : rows.map((row) => ({ key: keyOfCells(bound, row), rows: [row] }));
    const records: { key: Key; image: Image }[] = [];
    const notLoadable: Key[] = [];
    for (const { key, rows: own } of grouped) {
      const { image, lossy } = imageOrReason(bound, { [root.name]: own });
      if (image && lossy === null && keyFault(bound, key) === null) records.push({ key, image });
      else notLoadable.push(key);
    }
    return {
      records,
      notLoadable,
      last: last ?? grouped.at(-1)?.key ?? null,
      full: (all ?? rows).length >= Math.floor(range.limit) || (ahead?.length ?? 0) < (all?.length ?? 0),
    };
  }

  return { readImages };
}

function byKey(bound: BoundEntity, rows: readonly TextRow[]): { key: Key; rows: TextRow[] }[] {
  const groups = new Map<string, { key: Key; rows: TextRow[] }>();
  for (const row of rows) {
    const key = keyOfCells(bound, row);
    const text = keyText(key);
    const known = groups.get(text);
    if (known) known.rows.push(row);
    else groups.set(text, { key, rows: [row] });
  }
  return [...groups.values()];
}

function keyOfCells(bound: BoundEntity, row: TextRow): Key {
  return keyFromCells(
    bound,
    bound.root.key.map(({ name }) => cellIn(row, name)),
  );
}
