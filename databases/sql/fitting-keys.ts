import type { Key } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { BoundColumn, BoundEntity, BoundTable } from '../columns/bound.ts';
import type { StoreContext } from './context.ts';
import { keysetOf } from './keyset.ts';

const firstKeys = 16;

/** How many keys one can read the rows of in the memory that there is for them. */
export function createFittingKeys(context: StoreContext) {
  const { dialect } = context.engine;

  /**
   * Of keys that ascend, and behind `after` are all, the first ones: together their own rows have at most `maxBytes`, or there is one.
   * Only columns without a limit are measured, each row once.
   */
  async function fittingKeys(
    entity: Entity,
    keys: readonly Key[],
    { after, maxBytes }: { readonly after: Key | null; readonly maxBytes: number },
  ): Promise<readonly Key[]> {
    const bound = await context.bind(entity);
    const measured = bound.owned.filter(({ columns }) => columns.some(isUnlimited));
    if (measured.length === 0) return keys;
    let taken = 0;
    let bytes = 0;
    let isNear = false;
    for (let step = firstKeys; taken < keys.length; ) {
      const next = keys.slice(taken, taken + step);
      const more = await bytesOf(bound, measured, keys[taken - 1] ?? after, next.at(-1) ?? null);
      if (bytes + more <= maxBytes) {
        bytes += more;
        taken += next.length;
        if (!isNear) step *= 2;
      } else if (next.length === 1) {
        return keys.slice(0, Math.max(1, taken));
      } else {
        isNear = true;
        step = Math.ceil(next.length / 4);
      }
    }
    return keys;
  }

  async function bytesOf(
    bound: BoundEntity,
    tables: readonly BoundTable[],
    lower: Key | null,
    upper: Key | null,
  ): Promise<number> {
    let sum = 0;
    for (const table of tables) {
      const { sql, values } = keysetOf(dialect, { ...bound, root: table }).within({ lower, upper });
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
