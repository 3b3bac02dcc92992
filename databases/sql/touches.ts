import { keyText } from '../../model/canonical.ts';
import { digestOf } from '../../model/digest.ts';
import type { Entity } from '../../model/entity.ts';
import { ownImage } from '../../model/field.ts';
import { versionBeforeLockstep } from '../../model/version.ts';
import { type Touches, type TouchRefusal, touchKind } from '../contract/touch.ts';
import { keysPerRead } from '../contract/values.ts';
import type { StoredRecord } from '../contract/write.ts';
import { placeholders, type StoreContext } from './context.ts';

/** So deep an error of the server's may be wrapped. */
const maxWrapping = 4;

export function createTouches(context: StoreContext): Touches {
  const { engine } = context;
  const records = context.control('records');

  return {
    transactionProbe: engine.transactionProbe,

    touchStatement: (entity, request) =>
      context.ofBound(entity, (bound) => engine.touchStatement(bound, request)),

    touchRefusalOf: (error) => refusalIn(error, engine.touchRefusals, maxWrapping),

    async noteTouched(entity, stored) {
      const touched = stored.filter(isUnread);
      for (let at = 0; at < touched.length; at += keysPerRead) {
        const part = touched.slice(at, at + keysPerRead);
        await noteDeleted(
          entity,
          part.filter(({ image }) => image === null),
        );
        await noteDigests(
          entity,
          part.flatMap(({ key, version, image }) =>
            image === null
              ? []
              : [{ key: keyText(key), version, digest: digestOf(ownImage(entity.fields, image)) }],
          ),
        );
      }
    },

    async deleteTouches(ids) {
      if (ids.length === 0) return;
      await context.query(
        `DELETE FROM ${context.control('operations')} WHERE id IN (${placeholders(ids)}) AND kind = ? AND status IN ('pending', 'parked')`,
        [...ids, touchKind],
      );
    },
  };

  async function noteDeleted({ name }: Entity, gone: readonly StoredRecord[]): Promise<void> {
    if (gone.length === 0) return;
    const versions = gone.map(({ key, version }) => ({ key: keyText(key), version }));
    await context.query(`UPDATE ${records} SET deleted = ? WHERE entity = ? AND ${unread(versions)}`, [
      1,
      name,
      ...valuesOf(versions),
    ]);
  }

  async function noteDigests(
    { name }: Entity,
    notes: readonly { readonly key: string; readonly version: string; readonly digest: string }[],
  ): Promise<void> {
    if (notes.length === 0) return;
    await context.query(
      `UPDATE ${records} SET digest = CASE record_key ${notes.map(() => 'WHEN ? THEN ?').join(' ')} END
       WHERE entity = ? AND ${unread(notes)}`,
      [...notes.flatMap(({ key, digest }) => [key, digest]), name, ...valuesOf(notes)],
    );
  }
}

/** The list of keys alone is what leads to the rows in either engine. */
function unread(versions: readonly unknown[]): string {
  return `record_key IN (${placeholders(versions)}) AND (record_key, version) IN (${versions.map(() => '(?, ?)').join(', ')})
    AND digest IS NULL AND NOT deleted`;
}

function valuesOf(versions: readonly { readonly key: string; readonly version: string }[]): string[] {
  return [...versions.map(({ key }) => key), ...versions.flatMap(({ key, version }) => [key, version])];
}

/** Whatever else writes a record notes its digest, or that it is deleted. */
function isUnread({ version, deleted, digest, unreadable }: StoredRecord): boolean {
  return version !== versionBeforeLockstep && !deleted && digest === null && unreadable === null;
}

/** Under these names mappers keep what the driver threw. */
const wrapped = ['cause', 'driverError', 'original', 'parent', 'nativeError', 'meta'] as const;

function refusalIn(
  error: unknown,
  refusals: Readonly<Record<string, TouchRefusal>>,
  depth: number,
): TouchRefusal | null {
  if (typeof error !== 'object' || error === null || depth === 0) return null;
  for (const name of ['errno', 'code']) {
    const refusal = refusals[String(Reflect.get(error, name))];
    if (refusal) return refusal;
  }
  for (const name of wrapped) {
    const refusal = refusalIn(Reflect.get(error, name), refusals, depth - 1);
    if (refusal) return refusal;
  }
  return null;
}
