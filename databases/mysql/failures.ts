import type { StoreFailure } from '../contract/write.ts';
import { type Obstacle, obstacles } from '../engine/obstacles.ts';

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
  if (failure.sqlState === undefined || number === undefined) {
    if (failure.code === undefined && !/closed|timeout|ended/i.test(failure.message)) throw error;
    return {
      code: 'StoreUnavailable',
      message: `no answer from the server (${failure.code ?? 'connection lost or timed out'})`,
    };
  }
  if (unique.has(number))
    return { code: 'UniqueConflict', message: `error ${number} (unique conflict)${keyIn(failure)}` };
  if (foreign.has(number)) return { code: 'UniqueConflict', message: `error ${number} (foreign key)` };
  const behind = numberBehind(failure);
  const obstacle = obstacleOf[number] ?? (diskNumbers.has(behind) ? obstacles.disk : null);
  const isTransient = number < 1000 || behind < firstOfEngines || transient.has(number);
  if (obstacle || isTransient || failure.sqlState.startsWith('08')) {
    const cause = obstacle ? ` (${obstacle.cause})` : '';
    return {
      code: 'StoreUnavailable',
      message: `error ${number}${cause}${tableIn(failure)}`,
      remedy: obstacle?.remedy,
    };
  }
  const name = names[number];
  return { code: 'StoreRefused', message: `error ${number}${name ? ` (${name})` : ''}${columnIn(failure)}` };
}

export function isDeadlock(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && error.errno === 1213;
}

/** What a definition that has been carried out before is refused with: its table, column or key is there, or is gone. */
export function isAlreadyDone(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && done.has(Number(error.errno));
}

const done = new Set([1050, 1051, 1060, 1061, 1091, 1826]);
const unique = new Set([1062, 1586]);
const foreign = new Set([1216, 1217, 1451, 1452]);

/** Numbers below 1000 are those of the server's own files and memory. */
const obstacleOf: Readonly<Record<number, Obstacle>> = {
  5: obstacles.memory,
  20: obstacles.disk,
  1021: obstacles.disk,
  1037: obstacles.memory,
  1038: obstacles.memory,
  1040: obstacles.connections,
  1041: obstacles.memory,
  1114: obstacles.disk,
  1135: obstacles.memory,
  1203: obstacles.connections,
  1205: obstacles.lock,
  1206: obstacles.memory,
  1226: obstacles.connections,
  1290: obstacles.readOnly,
  1317: obstacles.time,
  1792: obstacles.readOnly,
  1836: obstacles.readOnly,
  1878: obstacles.disk,
  1969: obstacles.time,
  3024: obstacles.time,
  3572: obstacles.lock,
};

/** Shutdown, deadlock, lost or killed connections, too many transactions. */
const transient = new Set([
  1042, 1043, 1053, 1158, 1159, 1160, 1161, 1213, 1412, 1612, 1637, 1927, 2002, 2003, 2006, 2013, 3100, 4031,
]);

/** These pass on what the operating system or the storage engine said, whose number stands in the message. */
const passingOn = new Set([3, 1005, 1016, 1026, 1030, 1180]);
/** Below it are the operating system's: they are about files and memory, never about a row. */
const firstOfEngines = 120;
/** No space left on the device; no more room in a file; the disk is full. */
const diskNumbers = new Set([28, 135, 189]);

function numberBehind({ errno = 0, sqlMessage = '' }: ServerError): number {
  const number = /\b(?:errno:?|errcode:?|got error) (\d+)/i.exec(sqlMessage)?.[1];
  return passingOn.has(errno) && number ? Number(number) : Number.NaN;
}

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

function tableIn(failure: ServerError): string {
  const name = /^The table '([\w$]+)' is full$/.exec(failure.sqlMessage ?? '')?.[1];
  return name ? ` at table ${name}` : '';
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
