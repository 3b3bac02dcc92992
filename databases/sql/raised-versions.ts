import { keyText } from '../../model/canonical.ts';
import type { Raise, RaisedVersions } from '../contract/capture.ts';
import type { Fence } from '../contract/write.ts';
import type { Session } from '../engine/session.ts';
import type { Access } from './context.ts';
import { holdFence } from './fence.ts';

export function raisedVersionsIn(access: Access): RaisedVersions {
  const records = access.control('records');

  async function raise(raises: readonly Raise[], fence: Fence): Promise<'raised' | 'moved'> {
    return await access.transaction(async (session) => {
      await holdFence(access, session, fence, 'primary');
      let moved = false;
      for (const one of raises) moved = (await lockedVersion(session, one)) !== one.base || moved;
      for (const one of raises) await (moved ? forgetLock(session, one) : write(session, one));
      return moved ? 'moved' : 'raised';
    });
  }

  /** A record of version 0 is a lock on a key that has none. */
  async function lockedVersion(session: Session, one: Raise): Promise<string | null> {
    const columns = ['entity', 'record_key', 'version', 'deleted'];
    const insert = access.engine.text.insertNew(records, columns, ['entity', 'record_key']);
    await session.query(insert, [...placeOf(one), 0, 0]);
    const [known] = await session.query(
      `SELECT version FROM ${records} WHERE entity = ? AND record_key = ? FOR UPDATE`,
      placeOf(one),
    );
    return known?.version ?? null;
  }

  async function write(session: Session, one: Raise): Promise<void> {
    await session.query(
      `UPDATE ${records} SET version = ?, deleted = ?, digest = ?, operation = NULL WHERE entity = ? AND record_key = ?`,
      [one.version, one.deleted ? 1 : 0, one.digest, ...placeOf(one)],
    );
  }

  async function forgetLock(session: Session, one: Raise): Promise<void> {
    await session.query(
      `DELETE FROM ${records} WHERE entity = ? AND record_key = ? AND version = 0`,
      placeOf(one),
    );
  }

  return { raise };
}

function placeOf({ entity, key }: Raise): string[] {
  return [entity, keyText(key)];
}
