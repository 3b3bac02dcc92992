import type { StoreFailure } from '../store.ts';

interface ServerError extends Error {
  readonly code?: string;
  readonly errno?: number;
  readonly sqlState?: string;
  readonly sqlMessage?: string;
  readonly fatal?: boolean;
}

/**
 * Reduces an error to number and names. The server's message is left out on purpose: it quotes values.
 * Numbers: https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
 */
export function classify(error: unknown): StoreFailure {
  if (!(error instanceof Error)) throw error;
  const failure: ServerError = error;
  const number = failure.errno;
  if (failure.sqlState === undefined || number === undefined || number < 1000) {
    if (failure.code === undefined && !/closed|timeout|ended/i.test(failure.message)) throw error;
    return {
      code: 'StoreUnavailable',
      message: `no answer from the server (${failure.code ?? 'connection lost or timed out'})`,
    };
  }
  if (unique.has(number))
    return { code: 'UniqueConflict', message: `error ${number} (unique conflict)${keyIn(failure)}` };
  if (foreign.has(number)) return { code: 'UniqueConflict', message: `error ${number} (foreign key)` };
  if (transient.has(number) || failure.sqlState.startsWith('08')) {
    return { code: 'StoreUnavailable', message: `error ${number}` };
  }
  const name = names[number];
  return { code: 'StoreRefused', message: `error ${number}${name ? ` (${name})` : ''}${columnIn(failure)}` };
}

export function isDeadlock(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && error.errno === 1213;
}

const unique = new Set([1062, 1586]);
const foreign = new Set([1216, 1217, 1451, 1452]);

/** Too many connections, shutdown, lock timeouts, deadlock, disk full, lost or killed connections, read-only. */
const transient = new Set([
  1021, 1037, 1038, 1040, 1041, 1042, 1043, 1053, 1114, 1158, 1159, 1160, 1161, 1203, 1205, 1206, 1213, 1226,
  1290, 1317, 1612, 1792, 1836, 1927, 1969, 2002, 2003, 2006, 2013, 3024, 3100, 3572, 4031,
]);

const names: Readonly<Record<number, string>> = {
  1048: 'null where none is allowed',
  1054: 'no such column',
  1142: 'permission denied',
  1146: 'no such table',
  1264: 'number out of range',
  1265: 'value truncated',
  1292: 'incorrect value',
  1305: 'write routine missing; run lockstep prepare',
  1364: 'no default for a column that has no value',
  1366: 'incorrect value or character',
  1370: 'permission denied for the write routine',
  1406: 'value too long',
  3819: 'check constraint',
  3988: 'character that the column cannot keep',
  4025: 'check constraint',
  31000: 'shared row differs and the shape says refuse',
};

/** The name of the key, which the message gives last and in quotes; values come before it. */
function keyIn(failure: ServerError): string {
  const name = /for key '([\w.$]+)'$/.exec(failure.sqlMessage ?? '')?.[1];
  return name ? ` at key ${name}` : '';
}

function columnIn(failure: ServerError): string {
  const message = failure.sqlMessage ?? '';
  const column = /for column (?:`[^`]*`\.`[^`]*`\.)?[`']([\w$]+)[`'] at row \d+$/.exec(message)?.[1];
  const constraint = /^CONSTRAINT [`']([\w.$]+)[`'] failed/.exec(message)?.[1];
  const missing = /^Column '([\w$]+)' cannot be null$/.exec(message)?.[1];
  const found = column ?? missing;
  if (found) return ` at column ${found}`;
  return constraint ? ` at constraint ${constraint}` : '';
}
