import { keyText } from '../../model/canonical.ts';
import type { VersionBump, VersionBumps } from '../contract/capture.ts';
import type { Fence } from '../contract/write.ts';
import type { Session } from '../engine/session.ts';
import type { StoreContext } from './context.ts';
import { holdFence } from './fence.ts';

export function createVersionBumps(context: StoreContext): VersionBumps {
  const records = context.control('records');

  async function bumpVersions(
    bumps: readonly VersionBump[],
    fence: Fence & { readonly closed?: boolean },
  ): Promise<'bumped' | 'stale-base'> {
    // Shared records are no entities of their own.
    const entities = context.migration.entities.filter(({ name }) =>
      bumps.some(({ entity }) => entity === name),
    );
    const bound = await Promise.all(entities.map((entity) => context.bind(entity)));
    return await context.transaction(async (session) => {
      await holdFence(context, session, fence, 'primary', bound);
      let stale = false;
      for (const bump of bumps) stale = (await lockedVersion(session, bump)) !== bump.readVersion || stale;
      for (const bump of bumps) await (stale ? deleteLock(session, bump) : write(session, bump));
      return stale ? 'stale-base' : 'bumped';
    });
  }

  /** A record of version 0 is a lock on a key that has none. */
  async function lockedVersion(session: Session, bump: VersionBump): Promise<string | null> {
    const columns = ['entity', 'record_key', 'version', 'deleted'];
    const insert = context.engine.dialect.insertNew(records, columns, ['entity', 'record_key']);
    await session.query(insert, [...placeOf(bump), 0, 0]);
    const [known] = await session.query(
      `SELECT version FROM ${records} WHERE entity = ? AND record_key = ? FOR UPDATE`,
      placeOf(bump),
    );
    return known?.version ?? null;
  }

  async function write(session: Session, bump: VersionBump): Promise<void> {
    await session.query(
      `UPDATE ${records} SET version = ?, deleted = ?, digest = ?, operation = NULL WHERE entity = ? AND record_key = ?`,
      [bump.version, bump.deleted ? 1 : 0, bump.digest, ...placeOf(bump)],
    );
  }

  async function deleteLock(session: Session, bump: VersionBump): Promise<void> {
    await session.query(
      `DELETE FROM ${records} WHERE entity = ? AND record_key = ? AND version = 0`,
      placeOf(bump),
    );
  }

  return { bumpVersions };
}

function placeOf({ entity, key }: VersionBump): string[] {
  return [entity, keyText(key)];
}
