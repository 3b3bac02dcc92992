import pg from 'pg';
import type { StoreFailure } from '../contract/write.ts';
import { type Obstacle, obstacles } from '../engine/obstacles.ts';

/**
 * Reduces an error to code and names. Messages and details of the server are left out on purpose: they quote rows.
 * Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function classify(error: unknown): StoreFailure {
  if (!(error instanceof pg.DatabaseError)) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : null;
    const known = error instanceof Error && /timeout|terminated|ended|closed/i.test(error.message);
    if (code === null && !known && error instanceof Error && error.name !== 'AggregateError') throw error;
    return {
      code: 'StoreUnavailable',
      message: `no answer from the server (${code ?? 'connection lost or timed out'})`,
    };
  }
  const state = error.code ?? 'XX000';
  const at = [
    error.constraint ? `constraint ${error.constraint}` : '',
    error.table ? `table ${error.table}` : '',
    error.column ? `column ${error.column}` : '',
  ].filter((part) => part !== '');
  const where = at.length > 0 ? ` at ${at.join(', ')}` : '';
  // A parent row may be on its way: foreign keys are tried again like unique conflicts.
  if (state === '23505' || state === '23503' || state === '23P01') {
    return {
      code: 'UniqueConflict',
      message: `SQLSTATE ${state} (${state === '23503' ? 'foreign key' : 'unique conflict'})${where}`,
    };
  }
  if (isTransient(state)) {
    const obstacle = obstacleOf[state];
    const cause = obstacle ? ` (${obstacle.cause})` : '';
    return {
      code: 'StoreUnavailable',
      message: `SQLSTATE ${state}${cause}${where}`,
      remedy: obstacle?.remedy,
    };
  }
  return { code: 'StoreRefused', message: `SQLSTATE ${state} (${nameOf(state)})${where}` };
}

/** Connection, resources, operator intervention, rollback by the server, lock timeouts, read-only standby. */
function isTransient(state: string): boolean {
  return ['08', '53', '57', '58', '40', '25', '55'].includes(state.slice(0, 2));
}

const obstacleOf: Readonly<Record<string, Obstacle>> = {
  '25006': obstacles.readOnly,
  '53100': obstacles.disk,
  '53200': obstacles.memory,
  '53300': obstacles.connections,
  '55P03': obstacles.lock,
  '57014': obstacles.time,
};

export function isDeadlock(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === '40P01' || error.code === '40001');
}

const names: Readonly<Record<string, string>> = {
  '23502': 'null where none is allowed',
  '23514': 'check constraint',
  '22001': 'value too long',
  '22003': 'number out of range',
  '22P05': 'character that the database cannot keep, such as NUL',
  '22021': 'character that the database cannot keep',
  '42501': 'permission denied',
  '42P01': 'no such table',
  '42703': 'no such column',
  '42883': 'write routine missing; run lockstep prepare',
  LS002: 'the column keeps the value in another form',
  LS001: 'shared row differs and the shape says refuse',
};

function nameOf(state: string): string {
  return names[state] ?? `class ${state.slice(0, 2)}`;
}
