import pg from 'pg';
import { type BranchName, branchPrefix } from '../engine/branch-name.ts';
import type { EngineBranches } from '../engine/engine.ts';
import type { Parameter, Session, TextCells } from '../engine/session.ts';

/** What two-phase commit needs of the engine. */
export interface TwoPhaseConnections {
  connect(): Promise<pg.PoolClient>;
  session(client: pg.PoolClient): Session;
  query(sql: string, parameters?: readonly Parameter[]): Promise<TextCells[]>;
  isBroken(error: unknown): boolean;
}

const undefinedObject = '42704';

/** Branches by `PREPARE TRANSACTION`. They keep all their locks, those of the fence too, over a crash of the server. */
export function createTwoPhaseBranches(connections: TwoPhaseConnections): EngineBranches {
  return {
    async prepare(name, work) {
      const client = await connections.connect();
      let broken: boolean | undefined;
      try {
        await client.query('BEGIN');
        try {
          const { keep, result } = await work(connections.session(client));
          await client.query(keep ? `PREPARE TRANSACTION ${gid(name)}` : 'ROLLBACK');
          return result;
        } catch (error) {
          if (!connections.isBroken(error)) await client.query('ROLLBACK');
          throw error;
        }
      } catch (error) {
        broken = connections.isBroken(error);
        throw error;
      } finally {
        client.release(broken);
      }
    },

    async end(name, how) {
      try {
        await connections.query(`${how === 'commit' ? 'COMMIT' : 'ROLLBACK'} PREPARED ${gid(name)}`);
        return 'ended';
      } catch (error) {
        if (error instanceof pg.DatabaseError && error.code === undefinedObject) return 'absent';
        throw error;
      }
    },

    async list() {
      const rows = await connections.query(
        'SELECT gid FROM pg_prepared_xacts WHERE database = current_database() AND pg_catalog.starts_with(gid, ?)',
        [branchPrefix],
      );
      return rows.map(({ gid }) => gid ?? '');
    },

    async unavailableReason() {
      const [row] = await connections.query('SHOW max_prepared_transactions');
      if (Number(row?.max_prepared_transactions) > 0) return null;
      return 'max_prepared_transactions is 0; set it to at least max_connections in postgresql.conf and restart the server';
    },
  };
}

/** A literal, because these statements take no parameters; names of branches hold neither quotes nor question marks. */
function gid({ global, local }: BranchName): string {
  return `'${global}:${local}'`;
}
