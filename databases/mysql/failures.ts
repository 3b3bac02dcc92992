import type { FailureSubject, Violation } from '../../model/failure.ts';
import type { StoreFailure } from '../contract/write.ts';
import { conditionsOf, serverConditions } from '../engine/server-conditions.ts';
import { tlsFailure } from '../engine/tls-failure.ts';
import { StatementTooLarge } from './packet-limit.ts';
import { otherDefinition, rowsMissing } from './write-routine.ts';

interface ServerError extends Error {
  readonly code?: string;
  readonly errno?: number;
  readonly sqlState?: string;
  readonly sqlMessage?: string;
  /** Of a connection that was not given, or is lost. */
  readonly fatal?: boolean;
}

/**
 * Reduces an error to number and names. The server's message is left out on purpose: it quotes values.
 * Numbers: https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
 */
export function classify(error: unknown): StoreFailure {
  if (!(error instanceof Error)) throw error;
  if (error instanceof StatementTooLarge)
    return { code: 'StoreRefused', about: 'size', message: error.message, remedy: error.remedy };
  const ofTls = tlsFailure(error);
  if (ofTls) return ofTls;
  const failure: ServerError = error;
  const number = failure.errno;
  if (failure.sqlState === undefined || number === undefined) {
    // The driver's own errors; of those that lack a code it gives nothing but words.
    if (failure.code === undefined && !/closed|timeout|ended/i.test(failure.message)) throw error;
    return {
      code: 'StoreUnavailable',
      about: 'network',
      message: `no answer from the server (${failure.code ?? 'connection lost or timed out'})`,
    };
  }
  return conflictOf(failure, number) ?? unavailableOf(failure, number) ?? refusalOf(failure, number);
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

function conflictOf(failure: ServerError, number: number): StoreFailure | null {
  if (unique.has(number)) {
    const message = `error ${number} (unique conflict)${keyIn(failure)}`;
    return { code: 'UniqueConflict', about: 'row', violation: 'unique', message };
  }
  if (foreign.has(number)) {
    const message = `error ${number} (foreign key)${foreignKeyIn(failure)}`;
    return { code: 'ForeignKeyConflict', about: 'row', violation: 'foreign-key', message };
  }
  return null;
}

function unavailableOf(failure: ServerError, number: number): StoreFailure | null {
  // Raised by a program, which may choose any number; the server's own errors never have this state.
  if (failure.sqlState === raised) return null;
  const behind = numberBehind(failure);
  const listed = conditions.get(String(number)) ?? (diskNumbers.has(behind) ? serverConditions.disk : null);
  // Numbers below 1000 are those of the server's own files and memory.
  const isTransient = number < 1000 || behind < firstOfEngines || transient.has(number) || failure.fatal;
  if (!listed?.isTriedAgain && !isTransient && !failure.sqlState?.startsWith('08')) return null;
  return {
    code: 'StoreUnavailable',
    about: listed?.about ?? 'server',
    message: `error ${number} (${listed?.cause ?? nameOf(failure)})${tableIn(failure)}${rightIn(failure)}`,
    remedy: listed?.remedy,
  };
}

function refusalOf(failure: ServerError, number: number): StoreFailure {
  const condition = failure.sqlState === raised ? undefined : conditions.get(String(number));
  const known = condition ? null : (refused[number] ?? ofState[failure.sqlState ?? '']);
  return {
    code: 'StoreRefused',
    about: condition?.about ?? known?.about,
    violation: known?.violation,
    isMissing: missing.has(number),
    isOtherDefinition: number === otherDefinition || hasOtherParameters(failure),
    message:
      `error ${number} (${condition?.cause ?? known?.name ?? nameOf(failure)})` +
      `${rightIn(failure)}${columnIn(failure)}${missingIn(failure)}`,
    remedy: condition?.remedy,
  };
}

/**
 * A routine of another definition, which has other columns, takes another number of arguments. The name is in the message alone: a
 * trigger of the user's may call routines as well.
 */
function hasOtherParameters({ errno, sqlMessage = '' }: ServerError): boolean {
  return errno === 1318 && /for PROCEDURE [^;]*\blockstep_(write|touch)_/.test(sqlMessage);
}

const conditions = conditionsOf('mysql');

/** What the manual has the number under, such as ER_LOCK_ABORTED: the driver knows it. */
function nameOf({ code }: ServerError): string {
  return code && /^[A-Z0-9_]+$/.test(code) ? code : 'the manual of the server says what it means';
}

/** Shutdown, deadlock, lost or killed connections, too many transactions. */
const transient = new Set([
  1042, 1043, 1053, 1158, 1159, 1160, 1161, 1213, 1412, 1612, 1637, 1927, 2002, 2003, 2006, 2013, 3100, 4031,
]);

/** These pass on what the operating system or the storage engine said; its number stands in the message only. */
const passingOn = new Set([3, 1005, 1016, 1026, 1030, 1180]);
/** Below it are the operating system's: they are about files and memory, never about a row. */
const firstOfEngines = 120;
/** No space left on the device; no more room in a file; the disk is full. */
const diskNumbers = new Set([28, 135, 189]);

function numberBehind({ errno = 0, sqlMessage = '' }: ServerError): number {
  const number = /\b(?:errno:?|errcode:?|got error) (\d+)/i.exec(sqlMessage)?.[1];
  return passingOn.has(errno) && number ? Number(number) : Number.NaN;
}

interface Refused {
  readonly name: string;
  readonly about: FailureSubject;
  readonly violation?: Violation;
}

const refused: Readonly<Record<number, Refused>> = {
  1048: { name: 'null where none is allowed', about: 'row', violation: 'not-null' },
  1118: { name: 'row too large', about: 'size' },
  1153: { name: 'packet too large', about: 'size' },
  1264: { name: 'number out of range', about: 'row', violation: 'out-of-range' },
  1265: { name: 'value truncated', about: 'row', violation: 'invalid-value' },
  1292: { name: 'incorrect value', about: 'row', violation: 'invalid-value' },
  1364: { name: 'no default for a column that has no value', about: 'row', violation: 'not-null' },
  1366: { name: 'incorrect value or character', about: 'row', violation: 'invalid-value' },
  1406: { name: 'value too long', about: 'row', violation: 'too-long' },
  1644: { name: 'raised by a trigger or function', about: 'trigger' },
  3157: { name: 'JSON nested more deeply than the server takes', about: 'row', violation: 'invalid-value' },
  3819: { name: 'check constraint', about: 'row', violation: 'check' },
  3988: { name: 'character that the column cannot keep', about: 'row', violation: 'invalid-value' },
  4025: { name: 'check constraint', about: 'row', violation: 'check' },
  [otherDefinition]: { name: 'the caller has another definition', about: 'schema' },
  [rowsMissing]: { name: 'the rows of an item are missing', about: 'schema' },
  31000: { name: 'shared row differs and the shape says refuse', about: 'row', violation: 'shared-record' },
};

/** The state of what programs raise, in the numbers that the table does not list. */
const raised = '45000';
const ofState: Readonly<Record<string, Refused>> = {
  [raised]: { name: 'raised by a trigger or function', about: 'trigger' },
};

/** No such table, no such routine. */
const missing = new Set([1146, 1305]);

/** The name of the key, which only the message has: last and in quotes; values come before it. */
function keyIn(failure: ServerError): string {
  const name = /for key '([\w.$]+)'$/.exec(failure.sqlMessage ?? '')?.[1];
  return name ? ` at key ${name}` : '';
}

function tableIn(failure: ServerError): string {
  const name = /^The table '([\w$]+)' is full$/.exec(failure.sqlMessage ?? '')?.[1];
  return name ? ` at table ${name}` : '';
}

/** Which right, on what, as far as the message says it; the account has its host there, which nobody asked for. */
function rightIn({ sqlMessage = '' }: ServerError): string {
  const [, command, kind, name = ''] =
    /^([A-Za-z, ]+?) command denied to user .* for (table|column|routine) [`']?([^\s]+?)'?$/.exec(
      sqlMessage,
    ) ?? [];
  if (command) return `: ${command.toUpperCase()} on ${kind} ${name.replaceAll('`', '')}`;
  const database = /^Access denied for user .* to database '([^']+)'$/.exec(sqlMessage)?.[1];
  if (database) return `: the database ${database}`;
  const privileges = /at least one of\)? the ([A-Z_, ]+) privilege/.exec(sqlMessage)?.[1];
  return privileges ? `: ${privileges}` : '';
}

/** What is not there: where it is none of ours, nothing that prepare makes will help. */
function missingIn(failure: ServerError): string {
  const message = failure.sqlMessage ?? '';
  const found =
    /^((?:FUNCTION|PROCEDURE) [\w.$]+) does not exist$/.exec(message)?.[1] ??
    /^(Table '[\w.$]+') doesn't exist$/.exec(message)?.[1];
  return found ? `: ${found}` : '';
}

/** Which one, of which table; the rest of the message tells the same of its columns. */
function foreignKeyIn({ sqlMessage = '' }: ServerError): string {
  const found = /\(`[^`]*`\.`([\w$]+)`, CONSTRAINT `([\w.$]+)` FOREIGN KEY /.exec(sqlMessage);
  return found ? ` at constraint ${found[2]}, table ${found[1]}` : '';
}

function columnIn(failure: ServerError): string {
  const message = failure.sqlMessage ?? '';
  const column = /for column (?:`[^`]*`\.`[^`]*`\.)?[`']([\w$]+)[`'] at row \d+$/.exec(message)?.[1];
  // MariaDB's words, and MySQL's.
  const constraint = /^(?:CONSTRAINT [`']([\w.$]+)[`'] failed|Check constraint '([\w.$]+)' is violated)/.exec(
    message,
  );
  const missing = /^Column '([\w$]+)' cannot be null$/.exec(message)?.[1];
  const found = column ?? missing;
  if (found) return ` at column ${found}`;
  return constraint ? ` at constraint ${constraint[1] ?? constraint[2]}` : '';
}
