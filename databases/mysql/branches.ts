import type mysql from 'mysql2/promise';
import { type BranchName, branchPrefix } from '../engine/branch-name.ts';
import type { EngineBranches } from '../engine/engine.ts';
import type { Parameter, Session, TextCells } from '../engine/session.ts';
import { preparedTransactionsUnavailableReason } from './prepared-transactions.ts';
import { literal } from './quote.ts';

/** What XA needs of the engine. */
export interface XaConnections {
  connection(): Promise<mysql.PoolConnection>;
  session(client: mysql.PoolConnection): Session;
  /** On a connection that no writer waits on. */
  query(sql: string, parameters?: readonly Parameter[]): Promise<TextCells[]>;
  isBroken(error: unknown): boolean;
}

/** A connection with the branch that it prepared. */
interface Holder {
  readonly client: mysql.PoolConnection;
  readonly session: Session;
  readonly letGo: NodeJS.Timeout;
}

type How = 'commit' | 'roll back';

/** An owner that does not come back leaves its branch to others. */
const holdMs = 60_000;
/** How long another's connection is waited for before it is ended, and for how long altogether. */
const holderMs = 2_000;
const endWithinMs = 8_000;
/** The server lets go of a name a moment before it lets go of the branch. */
const graceMs = 500;
const pauseMs = 50;
const unknownXid = 1397;
/** A lock that was not waited for: MariaDB's number, and MySQL's. */
const lockedNumbers = [1205, 3572];

/**
 * Branches by XA, ended on the connection that prepared them where that is ours.
 *
 * MariaDB keeps a prepared branch to its connection. While such a connection ends there is a moment in which `XA COMMIT` by
 * another one is answered with success and does nothing, and the branch is lost until the server restarts. So every branch is
 * accompanied by a lock of its name (`GET_LOCK`), and nobody else touches it until the name has been free for a while.
 *
 * MariaDB also lets go of shared locks at `XA PREPARE`, and with them of the fence. So a branch inserts and deletes a row of
 * `lockstep_branches`, whose exclusive lock stays until the branch ends, over a crash of the server too.
 */
export function createXaBranches(connections: XaConnections): EngineBranches {
  const holders = new Map<string, Holder>();

  return {
    async prepare(name, work) {
      const client = await connections.connection();
      const session = connections.session(client);
      try {
        await session.query('SELECT GET_LOCK(?, 0) AS held', [name.global]);
        await session.query(`XA START ${xid(name)}`);
        try {
          const { keep, result } = await work(session);
          if (keep) await holdFence(session, name);
          await session.query(`XA END ${xid(name)}`);
          await session.query(`XA ${keep ? 'PREPARE' : 'ROLLBACK'} ${xid(name)}`);
          if (keep) hold(name, client, session);
          else await giveBack(name, client, session);
          return result;
        } catch (error) {
          if (!connections.isBroken(error)) await leave(session, name);
          throw error;
        }
      } catch (error) {
        client.destroy();
        throw error;
      }
    },

    async end(name, how) {
      return (await endHeld(name, how)) ?? (await endOfOthers(name, how));
    },

    list,

    async unavailableReason() {
      const unavailableReason = await preparedTransactionsUnavailableReason(connections.query);
      if (unavailableReason) return unavailableReason;
      try {
        await list();
        return null;
      } catch (error) {
        if (connections.isBroken(error)) throw error;
        return 'XA RECOVER is not allowed to its user; GRANT XA_RECOVER_ADMIN ON *.* TO that user';
      }
    },
  };

  function hold(name: BranchName, client: mysql.PoolConnection, session: Session): void {
    const letGo = setTimeout(() => {
      holders.delete(textOf(name));
      client.destroy();
    }, holdMs);
    letGo.unref();
    holders.set(textOf(name), { client, session, letGo });
  }

  /** Null where no connection of ours holds the branch, or not any more. */
  async function endHeld(name: BranchName, how: How): Promise<'ended' | null> {
    const holder = holders.get(textOf(name));
    if (!holder) return null;
    holders.delete(textOf(name));
    clearTimeout(holder.letGo);
    try {
      await holder.session.query(statement(name, how));
      await giveBack(name, holder.client, holder.session);
      return 'ended';
    } catch (error) {
      holder.client.destroy();
      if (connections.isBroken(error)) return null;
      throw error;
    }
  }

  async function endOfOthers(name: BranchName, how: How): Promise<'ended' | 'absent' | 'held' | 'lost'> {
    const began = Date.now();
    let freeSince: number | null = null;
    for (;;) {
      if (!(await list()).includes(textOf(name))) return 'absent';
      const now = Date.now();
      const [row] = await connections.query('SELECT IS_USED_LOCK(?) AS holder', [name.global]);
      const holder = row?.holder ?? null;
      freeSince = holder === null ? (freeSince ?? now) : null;
      if (freeSince !== null && now - freeSince >= graceMs) {
        if (await endedByName(name, how)) return (await isLost(name)) ? 'lost' : 'ended';
      } else if (holder !== null && now - began >= holderMs) {
        // Its worker is stuck, or cut off: the branch outlives the connection, and is free then.
        await connections.query(`KILL CONNECTION ${Number(holder)}`).catch(() => undefined);
      }
      if (now - began > endWithinMs) return 'held';
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async function endedByName(name: BranchName, how: How): Promise<boolean> {
    try {
      await connections.query(statement(name, how));
      return true;
    } catch (error) {
      if (isError(error, unknownXid)) return false;
      throw error;
    }
  }

  /** Whether the branch that was ended still holds its locks. */
  async function isLost({ migration, global }: BranchName): Promise<boolean> {
    try {
      await connections.query(
        'SELECT id FROM lockstep_branches WHERE migration = ? AND id = ? FOR UPDATE NOWAIT',
        [migration, global],
      );
      return false;
    } catch (error) {
      if (lockedNumbers.some((number) => isError(error, number))) return true;
      throw error;
    }
  }

  async function list(): Promise<string[]> {
    const rows = await connections.query('XA RECOVER');
    return rows.flatMap(({ data, gtrid_length }) => {
      if (!data?.startsWith(branchPrefix)) return [];
      const split = Number(gtrid_length);
      return [`${data.slice(0, split)}:${data.slice(split)}`];
    });
  }
}

async function holdFence(session: Session, { migration, global }: BranchName): Promise<void> {
  await session.query('INSERT INTO lockstep_branches (migration, id) VALUES (?, ?)', [migration, global]);
  await session.query('DELETE FROM lockstep_branches WHERE migration = ? AND id = ?', [migration, global]);
}

async function giveBack(name: BranchName, client: mysql.PoolConnection, session: Session): Promise<void> {
  await session.query('SELECT RELEASE_LOCK(?) AS released', [name.global]);
  client.release();
}

/** Gives back the locks at once; where even that fails, they go with the connection. */
async function leave(session: Session, name: BranchName): Promise<void> {
  // Refused after a deadlock, and where the branch had ended already.
  await session.query(`XA END ${xid(name)}`).catch(() => undefined);
  await session.query(`XA ROLLBACK ${xid(name)}`).catch(() => undefined);
}

function statement(name: BranchName, how: How): string {
  return `XA ${how === 'commit' ? 'COMMIT' : 'ROLLBACK'} ${xid(name)}`;
}

function xid({ global, local }: BranchName): string {
  return `${literal(global)}, ${literal(local)}`;
}

function textOf({ global, local }: BranchName): string {
  return `${global}:${local}`;
}

function isError(error: unknown, number: number): boolean {
  return error instanceof Error && 'errno' in error && error.errno === number;
}
