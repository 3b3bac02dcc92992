import { type Canonical, type Image, type Key, keyFromText, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { sharedField } from '../../model/field.ts';
import { memberOf } from '../../model/member.ts';
import { equals, fromColumn, toColumn } from '../columns/column.ts';
import { keysPerRead } from '../contract/values.ts';
import type { StoreContext } from './context.ts';

/** Records that several entities hold: their guards, and the copies of a denormalized table. */
export function createSharedRecords(context: StoreContext) {
  async function guards(shared: readonly { readonly name: string; readonly key: Key }[]) {
    const guards: { name: string; key: Key; version: string; digest: string }[] = [];
    for (let at = 0; at < shared.length; at += keysPerRead) {
      const part = shared.slice(at, at + keysPerRead);
      const rows = await context.query(
        `SELECT entity, record_key, version, digest FROM ${context.control('records')}
         WHERE (entity, record_key) IN (${part.map(() => '(?, ?)').join(', ')}) AND version > 0`,
        part.flatMap(({ name, key }) => [name, keyText(key)]),
      );
      for (const row of rows) {
        guards.push({
          name: row.entity ?? '',
          key: keyFromText(row.record_key ?? '[]'),
          version: row.version ?? '0',
          digest: row.digest ?? '',
        });
      }
    }
    return guards;
  }

  async function sharedCopies(entity: Entity, shared: string, key: Key): Promise<Image[]> {
    const shape = entity.shapes[context.name];
    const embedded =
      shape.form === 'rows' ? shape.embedded.find((candidate) => candidate.shared === shared) : undefined;
    const declaration = sharedField(entity.fields, shared);
    if (!embedded || !declaration) return [];
    const table = await context.translateErrors(() => context.engine.catalogue(embedded.table));
    const members = Object.entries(embedded.columns).map(([member, name]) => {
      const declared = memberOf(declaration.fields, member);
      const column = table?.columns.find((candidate) => candidate.name === name);
      if (declared?.form !== 'scalar' || !column) {
        throw new LockstepError(
          'InvalidDefinition',
          `${entity.name}.${context.name}.embedded.${shared}.${member} fits no column`,
          {
            path: `${entity.name}.${context.name}.embedded.${shared}.${member}`,
          },
        );
      }
      return { member, column, scalar: declared.scalar };
    });
    const identity = declaration.identity.map((name) => {
      const found = members.find((candidate) => candidate.member === name);
      if (found) return found;
      throw new LockstepError(
        'InvalidDefinition',
        `${entity.name}.${context.name}.embedded.${shared} names no column for ${name}`,
        {
          path: `${entity.name}.${context.name}.embedded.${shared}`,
        },
      );
    });
    const { column } = context.engine.dialect;
    const cells = members.flatMap((found, index) => {
      const reference = `t.${column(found.column.name)}`;
      // A collation that takes two copies for one would give only one of them.
      const bytes = found.column.bytes ? [`${found.column.bytes(reference)} AS b${index}`] : [];
      return [`${found.column.read(reference)} AS m${index}`, ...bytes];
    });
    const rows = await context.query(
      `SELECT DISTINCT ${cells.join(', ')}
       FROM ${context.engine.dialect.table(embedded.table)} t
       WHERE ${identity.map((found) => equals(found.column, `t.${column(found.column.name)}`, '?')).join(' AND ')} LIMIT 100`,
      identity.flatMap((found, index) => {
        const text = toColumn(found.column, found.scalar, key[index] ?? null);
        return found.column.bytes ? [text, text] : [text];
      }),
    );
    return rows.map((row) =>
      Object.fromEntries(
        members.map(({ member, column: cell, scalar }, index): [string, Canonical] => [
          member,
          fromColumn(cell, scalar, row[`m${index}`] ?? null),
        ]),
      ),
    );
  }

  return { guards, sharedCopies };
}
