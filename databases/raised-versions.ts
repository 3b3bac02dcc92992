import { type Key, keyText } from '../model/canonical.ts';
import { LockstepError } from '../model/failure.ts';
import type { Version } from '../model/version.ts';
import type { Access } from './access.ts';
import type { Session } from './engine.ts';
import type { Fence } from './store.ts';

/** A record of the primary that gets a new version, because its rows changed around Lockstep. */
export interface Raise {
  readonly entity: string;
  readonly key: Key;
  /** The version that the rows were read with; the record stays as it is where it has moved on. */
  readonly base: Version;
  readonly version: Version;
  readonly deleted: boolean;
  readonly digest: string | null;
}

export interface RaisedVersions {
  /**
   * Raises records at the primary, all of the list or, where one of them has moved on, none; the rows are left alone, so
   * that a change around Lockstep at the same moment is not undone. Throws `Fenced` under another route.
   */
  raise(raises: readonly Raise[], fence: Fence): Promise<'raised' | 'moved'>;
}

export function raisedVersionsIn(access: Access): RaisedVersions {
  const records = access.control('records');

  async function raise(raises: readonly Raise[], fence: Fence): Promise<'raised' | 'moved'> {
    return await access.transaction(async (session) => {
      await refuseFenced(session, fence);
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

  /** What the write routine does: the route cannot change before the transaction ends. */
  async function refuseFenced(session: Session, { migration, epoch }: Fence): Promise<void> {
    await access.engine.shareFence(session, migration);
    const [row] = await session.query(
      `SELECT epoch, open, primary_store FROM ${access.control('state')} WHERE migration = ?`,
      [migration],
    );
    if (row && Number(row.epoch) === epoch && row.open === '1' && row.primary_store === access.name) return;
    throw new LockstepError(
      'Fenced',
      `the ${access.name} store does not decide for ${migration} under epoch ${epoch}`,
      {
        store: access.name,
      },
    );
  }

  return { raise };
}

function placeOf({ entity, key }: Raise): string[] {
  return [entity, keyText(key)];
}
