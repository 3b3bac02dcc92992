import { type Key, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { BoundEntity } from '../columns/bound.ts';
import { keyFault } from '../columns/key-fault.ts';
import { keyTexts } from '../columns/key-text.ts';
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
    const { key: parts, name } = bound.root;
    const keyset = keysetOf(dialect, bound);
    const [first, ...more] = parts.map((part) => ({
      reference: `t.${dialect.column(part.name)}`,
      value: part.compare('?'),
    }));
    if (!first) throw new TypeError('a key has at least one part');
    const equal = [first, ...more].map(({ reference, value }) => `${reference} = ${value}`).join(' AND ');
    const where =
      more.length === 0
        ? `${first.reference} IN (${keys.map(() => first.value).join(', ')})`
        : keys.map(() => `(${equal})`).join(' OR ');
    const rows = await context.query(
      `SELECT ${keyset.cells} FROM ${dialect.table(name)} t WHERE ${where}`,
      keys.flatMap((key) => keyTexts(bound, key)),
    );
    return rows.map(keyset.keyOf);
  }

  return { missingKeys };
}
