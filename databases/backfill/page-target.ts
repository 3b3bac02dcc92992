import type { Image, Key } from '../../model/canonical.ts';
import type { BoundEntity } from '../columns/bound.ts';
import { keyTexts } from '../columns/key-text.ts';
import { cellIn, rowsIn } from '../columns/rows.ts';
import type { PageTarget } from '../contract/backfill.ts';
import type { StoreFailure } from '../contract/write.ts';
import { CopyText } from '../copy-format/copy-text.ts';
import type { BulkEngine, UniqueKey } from '../engine/bulk-engine.ts';
import { shapeMessage } from '../sql/images.ts';
import { BoundPage } from './bound-page.ts';

/** The tables that pages are made for, and how the texts of their columns begin. */
export class BoundTarget implements PageTarget {
  readonly bound: BoundEntity;
  readonly refusesShared: boolean;
  readonly #prefixes: ReadonlyMap<string, string>;

  readonly #bulk: Pick<BulkEngine, 'prefix' | 'uniqueKeys'>;

  constructor(bound: BoundEntity, bulk: Pick<BulkEngine, 'prefix' | 'uniqueKeys'>) {
    this.bound = bound;
    this.#bulk = bulk;
    this.refusesShared = bound.referenced.some(({ reference }) => reference?.wins === 'refuse');
    const columns = bound.tables.flatMap((table) => table.columns.map((column) => ({ table, column })));
    this.#prefixes = new Map(
      columns.map(({ table, column }) => [
        JSON.stringify([table.name, column.name]),
        bulk.prefix(column) ?? '',
      ]),
    );
  }

  uniqueKeys(): Promise<readonly UniqueKey[]> {
    return this.#bulk.uniqueKeys(this.bound.root);
  }

  /** What stands before the texts of a column of the root table, or of another one; see `BulkEngine.prefix`. */
  prefix(column: string, table = this.bound.root): string {
    return this.#prefixes.get(JSON.stringify([table.name, column])) ?? '';
  }

  readonly pageOf = (records: readonly { key: Key; image: Image }[]) => {
    const { bound } = this;
    const parts = bound.tables.map((table) => ({
      table,
      text: new CopyText(),
      firsts: [] as number[],
      cells: table.columns.map(({ name }) => ({ name, prefix: this.prefix(name, table) })),
    }));
    const keys: Key[] = [];
    const notLoadable: { key: Key; failure: StoreFailure }[] = [];
    for (const { key, image } of records) {
      try {
        keyTexts(bound, key);
        const rows = bound.rowsOf(image);
        for (const { table, text, firsts, cells } of parts) {
          firsts.push(text.rows);
          for (const row of rowsIn(rows, table.name)) {
            for (const { name, prefix } of cells) text.string(cellIn(row, name), prefix);
            text.endRow();
          }
        }
        keys.push(key);
      } catch (error) {
        const message = shapeMessage(bound, 'toRows', error);
        notLoadable.push({ key, failure: { code: 'StoreRefused', about: 'row', message } });
      }
    }
    const keyAt = (position: number) => {
      const key = keys[position];
      if (!key) throw new TypeError('a page has no key at this position');
      return key;
    };
    const page = new BoundPage(bound, parts, keys.length, keyAt, { hasUsableKeys: true, ascends: false });
    return { page, notLoadable };
  };
}

/** Only stores make targets. */
export function boundTarget(target: PageTarget): BoundTarget {
  if (target instanceof BoundTarget) return target;
  throw new TypeError('the target of a page was not made by a store');
}
