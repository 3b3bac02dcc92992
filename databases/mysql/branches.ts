import type mysql from 'mysql2/promise';
import { type BranchName, branchPrefix } from '../branch-name.ts';
import type { EngineBranches, Parameter, Session, TextCells } from '../engine.ts';
import { literal } from './quote.ts';

/** What XA needs of the engine. */
export interface XaAccess {
  connection(): Promise<mysql.PoolConnection>;
  session(client: mysql.PoolConnection): Session;
  query(sql: string, parameters?: readonly Parameter[]): Promise<TextCells[]>;
  isBroken(error: unknown): boolean;
}

const unknownXid = 1397;
const heldForMs = 5_000;
const pauseMs = 5;

/**
 * Branches by XA. MariaDB lets go of shared locks at `XA PREPARE`, and with them of the fence: so a branch also inserts and
 * deletes a row of `lockstep_branches`, whose exclusive lock stays until the branch ends, over a crash of the server too.
 */
export function xaBranches(access: XaAccess): EngineBranches {
  return {
    async prepare(name, migration, work) {
      const client = await access.connection();
      const session = access.session(client);
      try {
        await session.query(`XA START ${xid(name)}`);
        try {
          const { keep, result } = await work(session);
          if (keep) await holdFence(session, migration, name);
          await session.query(`XA END ${xid(name)}`);
          if (!keep) {
            await session.query(`XA ROLLBACK ${xid(name)}`);
            client.release();
            return result;
          }
          await session.query(`XA PREPARE ${xid(name)}`);
          // A prepared branch belongs to its connection: nobody else can end it while that lives.
          client.destroy();
          return result;
        } catch (error) {
          if (!access.isBroken(error)) await leave(session, name);
          throw error;
        }
      } catch (error) {
        client.destroy();
        throw error;
      }
    },

    async end(name, how) {
      const sql = `XA ${how === 'commit' ? 'COMMIT' : 'ROLLBACK'} ${xid(name)}`;
      const until = Date.now() + heldForMs;
      for (;;) {
        try {
          await access.query(sql);
          return 'ended';
        } catch (error) {
          if (!isUnknown(error)) throw error;
        }
        if (!(await list()).includes(`${name.global}:${name.local}`)) return 'absent';
        if (Date.now() > until) return 'held';
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      }
    },

    list,

    async obstacle(tables) {
      const [server] = await access.query('SELECT VERSION() AS version');
      const tooOld = whyTooOld(server?.version ?? '');
      if (tooOld) return tooOld;
      const [galera] = await access.query("SHOW GLOBAL VARIABLES LIKE 'wsrep_on'");
      if (galera?.Value === 'ON') {
        return 'it is a Galera cluster (wsrep_on), which keeps no prepared transactions; use the pattern parallel';
      }
      const other = await tableOfOtherEngine(tables);
      if (other) {
        return `table ${other.name} is kept by ${other.engine}, which has no transactions; ALTER TABLE ${other.name} ENGINE = InnoDB`;
      }
      try {
        await list();
        return null;
      } catch (error) {
        if (access.isBroken(error)) throw error;
        return 'XA RECOVER is not allowed to its user; GRANT XA_RECOVER_ADMIN ON *.* TO that user';
      }
    },
  };

  async function list(): Promise<string[]> {
    const rows = await access.query('XA RECOVER');
    return rows.flatMap(({ data, gtrid_length }) => {
      if (!data?.startsWith(branchPrefix)) return [];
      const split = Number(gtrid_length);
      return [`${data.slice(0, split)}:${data.slice(split)}`];
    });
  }

  async function tableOfOtherEngine(tables: readonly string[]) {
    for (const name of tables) {
      const [table = '', schema] = name.split('.').toReversed();
      const [row] = await access.query(
        'SELECT ENGINE AS engine FROM information_schema.TABLES WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_NAME = ?',
        [schema ?? null, table],
      );
      if (row && row.engine !== 'InnoDB') return { name, engine: row.engine ?? 'no engine' };
    }
    return null;
  }
}

async function holdFence(session: Session, migration: string, { global }: BranchName): Promise<void> {
  await session.query('INSERT INTO lockstep_branches (migration, id) VALUES (?, ?)', [migration, global]);
  await session.query('DELETE FROM lockstep_branches WHERE migration = ? AND id = ?', [migration, global]);
}

/** Gives back the locks at once; where even that fails, they go with the connection. */
async function leave(session: Session, name: BranchName): Promise<void> {
  // Refused after a deadlock, and where the branch had ended already.
  await session.query(`XA END ${xid(name)}`).catch(() => undefined);
  await session.query(`XA ROLLBACK ${xid(name)}`).catch(() => undefined);
}

function xid({ global, local }: BranchName): string {
  return `${literal(global)}, ${literal(local)}`;
}

function isUnknown(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && error.errno === unknownXid;
}

/** Older servers lose prepared branches when their connection ends. */
export function whyTooOld(version: string): string | null {
  const isMariaDb = version.includes('MariaDB');
  const needed = isMariaDb ? [10, 5, 0] : [5, 7, 7];
  const has = (/^(?:5\.5\.5-)?(\d+)\.(\d+)\.(\d+)/.exec(version) ?? []).slice(1).map(Number);
  for (const [at, least] of needed.entries()) {
    const part = has[at] ?? 0;
    if (part > least) return null;
    if (part < least) {
      const name = `${isMariaDb ? 'MariaDB' : 'MySQL'} ${has.join('.')}`;
      return `${name} loses prepared transactions with their connection; upgrade to ${needed.join('.')} or later`;
    }
  }
  return null;
}
