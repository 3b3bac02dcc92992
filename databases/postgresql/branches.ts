import pg from 'pg';
import { type BranchName, branchPrefix } from '../engine/branch-name.ts';
import type { EngineBranches } from '../engine/engine.ts';
import type { Parameter, Session, TextCells } from '../engine/session.ts';

/** What two-phase commit needs of the engine. */
export interface TwoPhaseAccess {
  connect(): Promise<pg.PoolClient>;
  session(client: pg.PoolClient): Session;
  query(sql: string, parameters?: readonly Parameter[]): Promise<TextCells[]>;
  isBroken(error: unknown): boolean;
}

const undefinedObject = '42704';

/** Branches by `PREPARE TRANSACTION`. They keep all their locks, those of the fence too, over a crash of the server. */
export function twoPhaseBranches(access: TwoPhaseAccess): EngineBranches {
  return {
    async prepare(name, work) {
      const client = await access.connect();
      let broken: boolean | undefined;
      try {
        await client.query('BEGIN');
        try {
          const { keep, result } = await work(access.session(client));
          await client.query(keep ? `PREPARE TRANSACTION ${gid(name)}` : 'ROLLBACK');
          return result;
        } catch (error) {
          if (!access.isBroken(error)) await client.query('ROLLBACK');
          throw error;
        }
      } catch (error) {
        broken = access.isBroken(error);
        throw error;
      } finally {
        client.release(broken);
      }
    },

    async end(name, how) {
      try {
        await access.query(`${how === 'commit' ? 'COMMIT' : 'ROLLBACK'} PREPARED ${gid(name)}`);
        return 'ended';
      } catch (error) {
        if (error instanceof pg.DatabaseError && error.code === undefinedObject) return 'absent';
        throw error;
      }
    },

    async list() {
      const rows = await access.query(
        'SELECT gid FROM pg_prepared_xacts WHERE database = current_database() AND starts_with(gid, ?)',
        [branchPrefix],
      );
      return rows.map(({ gid }) => gid ?? '');
    },

    async obstacle() {
      const [row] = await access.query('SHOW max_prepared_transactions');
      if (Number(row?.max_prepared_transactions) > 0) return null;
      return 'max_prepared_transactions is 0; set it to at least max_connections in postgresql.conf and restart the server';
    },
  };
}

/** A literal, because these statements take no parameters; names of branches hold neither quotes nor question marks. */
function gid({ global, local }: BranchName): string {
  return `'${global}:${local}'`;
}
