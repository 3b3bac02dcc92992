import { type Key, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { keyFromCells, keyTexts } from '../columns/mapping.ts';
import type { PresentKeys } from '../contract/comparison.ts';
import type { Access } from '../sql/context.ts';

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
    const { root, ...bound } = await access.bind(entity);
    const { table, column } = access.engine.text;
    const references = root.key.map((part) => `t.${column(part.name)}`);
    const texts = keys.map((key) => keyTexts({ root, ...bound }, key));
    const [first, ...more] = root.key;
    if (!first) throw new TypeError('a key has at least one part');
    const where =
      more.length === 0
        ? `${references[0]} IN (${texts.map(() => first.compare('?')).join(', ')})`
        : texts
            .map(
              () =>
                `(${root.key.map((part, at) => `${references[at]} = ${part.compare('?')}`).join(' AND ')})`,
            )
            .join(' OR ');
    const cells = root.key.map((part, at) => `${part.read(references[at] ?? '')} AS k${at + 1}`);
    const rows = await access.query(
      `SELECT ${cells.join(', ')} FROM ${table(root.name)} t WHERE ${where}`,
      texts.flat(),
    );
    return rows.map((row) => keyFromCells({ root, ...bound }, Object.values(row)));
  }

  return { absent };
}
