import { isNewer, type Version, versionBeforeLockstep } from '../../model/version.ts';
import type { Marks, Sightings } from '../contract/sightings.ts';
import type { Session } from '../engine/session.ts';
import type { StoreContext } from './context.ts';

/** What this store knows of itself and of the other, one row for each migration. */
export function createSightings(context: StoreContext): Sightings {
  const table = context.control('sightings');

  async function marks(migration: string): Promise<Marks> {
    return marksOf(
      await context.query(`SELECT own_mark, seen_mark FROM ${table} WHERE migration = ?`, [migration]),
    );
  }

  async function raiseMark(
    migration: string,
    { to, atLeast }: { to: Version; atLeast: Version },
  ): Promise<Version | null> {
    return await context.transaction(async (session) => {
      const { own } = await lockedMarks(session, migration);
      if (isNewer(atLeast, own)) return null;
      const mark = isNewer(to, own) ? to : (BigInt(own) + 1n).toString();
      await session.query(`UPDATE ${table} SET own_mark = ? WHERE migration = ?`, [mark, migration]);
      return mark;
    });
  }

  async function noteMark(migration: string, mark: Version): Promise<void> {
    await context.transaction(async (session) => {
      const { seen } = await lockedMarks(session, migration);
      if (!isNewer(mark, seen)) return;
      await session.query(`UPDATE ${table} SET seen_mark = ? WHERE migration = ?`, [mark, migration]);
    });
  }

  async function lockedMarks(session: Session, migration: string): Promise<Marks> {
    const columns = ['migration', 'own_mark', 'seen_mark'];
    await session.query(context.engine.dialect.insertNew(table, columns, ['migration']), [migration, 0, 0]);
    return marksOf(
      await session.query(`SELECT own_mark, seen_mark FROM ${table} WHERE migration = ? FOR UPDATE`, [
        migration,
      ]),
    );
  }

  return { marks, raiseMark, noteMark };
}

function marksOf([row]: Awaited<ReturnType<Session['query']>>): Marks {
  return { own: row?.own_mark ?? versionBeforeLockstep, seen: row?.seen_mark ?? versionBeforeLockstep };
}
