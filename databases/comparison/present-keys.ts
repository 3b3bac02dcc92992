import { type Key, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { keyTexts } from '../columns/key-text.ts';
import type { PresentKeys } from '../contract/comparison.ts';
import type { Access } from '../sql/context.ts';
import { keysetOf } from '../sql/keyset.ts';

const keysPerLook = 500;

export function presentKeysIn(access: Access): PresentKeys {
  async function absent(entity: Entity, keys: readonly Key[]): Promise<Key[]> {
    const present = new Set<string>();
    for (let at = 0; at < keys.length; at += keysPerLook) {
      for (const key of await presentOf(entity, keys.slice(at, at + keysPerLook))) present.add(keyText(key));
    }
    return keys.filter((key) => !present.has(keyText(key)));
  }

  /** A collation may give others beside: keys are compared as texts afterwards. */
  async function presentOf(entity: Entity, keys: readonly Key[]): Promise<Key[]> {
    const bound = await access.bind(entity);
    const { text } = access.engine;
    const { key: parts, name } = bound.root;
    const keyset = keysetOf(text, bound);
    const [first, ...more] = parts.map((part) => ({
      reference: `t.${text.column(part.name)}`,
      value: part.compare('?'),
    }));
    if (!first) throw new TypeError('a key has at least one part');
    const equal = [first, ...more].map(({ reference, value }) => `${reference} = ${value}`).join(' AND ');
    const where =
      more.length === 0
        ? `${first.reference} IN (${keys.map(() => first.value).join(', ')})`
        : keys.map(() => `(${equal})`).join(' OR ');
    const rows = await access.query(
      `SELECT ${keyset.cells} FROM ${text.table(name)} t WHERE ${where}`,
      keys.flatMap((key) => keyTexts(bound, key)),
    );
    return rows.map(keyset.keyOf);
  }

  return { absent };
}
