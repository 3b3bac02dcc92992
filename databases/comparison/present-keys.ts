import { type Key, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { BoundEntity } from '../columns/bound.ts';
import { keyFault } from '../columns/key-fault.ts';
import type { PresentKeys } from '../contract/comparison.ts';
import type { StoreContext } from '../sql/context.ts';
import { keysetOf } from '../sql/keyset.ts';

const keysPerQuery = 500;

export function createPresentKeys(context: StoreContext): PresentKeys {
  async function missingKeys(entity: Entity, keys: readonly Key[]): Promise<Key[]> {
    const present = new Set<string>();
    const bound = await context.bind(entity);
    const usable = keys.filter((key) => keyFault(bound, key) === null);
    for (let at = 0; at < usable.length; at += keysPerQuery) {
      for (const key of await presentOf(bound, usable.slice(at, at + keysPerQuery)))
        present.add(keyText(key));
    }
    return keys.filter((key) => !present.has(keyText(key)));
  }

  /** A collation may give others beside: keys are compared as texts afterwards. */
  async function presentOf(bound: BoundEntity, keys: readonly Key[]): Promise<Key[]> {
    const { dialect } = context.engine;
    const keyset = keysetOf(dialect, bound);
    const { sql, values } = keyset.among(keys);
    const rows = await context.query(
      `SELECT ${keyset.cells} FROM ${dialect.table(bound.root.name)} t WHERE ${sql}`,
      values,
    );
    return rows.map(keyset.keyOf);
  }

  return { missingKeys };
}
