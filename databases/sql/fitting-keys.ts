import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { BoundColumn, BoundEntity, BoundTable } from '../columns/bound.ts';
import { keyFault } from '../columns/key-fault.ts';
import type { FittingKeys } from '../contract/store.ts';
import type { StoreContext } from './context.ts';
import { type Condition, type Keyset, keysetOf } from './keyset.ts';

/** So few rows are looked at before anything is known of their sizes, and never so many times more as before. */
const firstKeys = 16;
const growth = 32;

/** How many keys one can read the rows of in the memory that there is for them. */
export function createFittingKeys(context: StoreContext) {
  const { dialect } = context.engine;

  /**
   * The first of some keys: together their own rows have at most `maxBytes`, or there is one. Only columns without a limit are
   * measured. Where keys ascend and behind `after` are all, whole ranges are, and each row about once.
   */
  async function fittingKeys(
    entity: Entity,
    keys: readonly Key[],
    { after, maxBytes }: { readonly after?: Key | null; readonly maxBytes: number },
  ): Promise<FittingKeys> {
    const bound = await context.bind(entity);
    const measured = bound.owned.filter(({ columns }) => columns.some(isUnlimited));
    if (measured.length === 0) return { keys, bytes: 0 };
    const rowsOf = (keyset: Keyset, from: number, to: number): Condition => {
      if (after !== undefined)
        return keyset.within({ lower: keys[from - 1] ?? after, upper: keys[to - 1] ?? null });
      return keyset.among(keys.slice(from, to).filter((key) => keyFault(bound, key) === null));
    };
    let taken = 0;
    let bytes = 0;
    let isNear = false;
    for (let step = firstKeys; taken < keys.length; ) {
      const end = Math.min(taken + step, keys.length);
      const more = await bytesOf(bound, measured, (keyset) => rowsOf(keyset, taken, end));
      if (bytes + more <= maxBytes) {
        bytes += more;
        taken = end;
        // As many as have room, should they be as large as those before.
        if (!isNear)
          step = Math.max(1, Math.min(step * growth, Math.floor((taken * (maxBytes - bytes)) / bytes)));
      } else if (end === taken + 1) {
        return taken === 0 ? { keys: keys.slice(0, 1), bytes: more } : { keys: keys.slice(0, taken), bytes };
      } else {
        isNear = true;
        step = Math.ceil((end - taken) / 4);
      }
    }
    return { keys, bytes };
  }

  async function bytesOf(
    bound: BoundEntity,
    tables: readonly BoundTable[],
    rowsOf: (keyset: Keyset) => Condition,
  ): Promise<number> {
    let sum = 0;
    for (const table of tables) {
      const { sql, values } = rowsOf(keysetOf(dialect, { ...bound, root: table }));
      const lengths = table.columns
        .filter(isUnlimited)
        .map((column) => `COALESCE(${lengthOf(column, `t.${dialect.column(column.name)}`)}, 0)`);
      const [row] = await context.query(
        `SELECT SUM(${lengths.join(' + ')}) AS bytes FROM ${dialect.table(table.name)} t WHERE ${sql}`,
        values,
      );
      sum += Number(row?.bytes ?? 0);
    }
    return sum;
  }

  /** Of its text: bytes have two digits each. */
  function lengthOf(column: BoundColumn, reference: string): string {
    if (column.natural?.kind === 'bytes') return `2 * ${dialect.byteLength(reference)}`;
    return dialect.byteLength(column.read(reference));
  }

  return { fittingKeys };
}

/** Whether nothing but the server says how large a value may be. */
export function isUnlimited({ natural, limits }: BoundColumn): boolean {
  if (natural?.kind === 'bytes') return limits.octets === undefined;
  if (natural?.kind === 'json') return true;
  return natural?.kind === 'text' && limits.characters === undefined && !limits.labels;
}
