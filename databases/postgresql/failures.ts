import pg from 'pg';
import type { FailureSubject, Violation } from '../../model/failure.ts';
import type { StoreFailure } from '../contract/write.ts';
import { conditionsOf } from '../engine/server-conditions.ts';
import { tlsFailure } from '../engine/tls-failure.ts';
import { otherDefinition, rowLeftOut, rowsMissing } from './write-routine.ts';

/**
 * Reduces an error to code and names. Messages and details of the server are left out on purpose: they quote rows.
 * Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function classify(error: unknown): StoreFailure {
  if (!(error instanceof pg.DatabaseError)) {
    const ofTls = tlsFailure(error);
    if (ofTls) return ofTls;
    // The driver's own errors; of those that lack a code it gives nothing but words.
    const code = error instanceof Error && 'code' in error ? String(error.code) : null;
    const known =
      error instanceof Error && /timeout|terminated|ended|closed|not queryable/i.test(error.message);
    if (code === null && !known && error instanceof Error && error.name !== 'AggregateError') throw error;
    return {
      code: 'StoreUnavailable',
      about: 'network',
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
  if (state === '23505' || state === '23P01') {
    const message = `SQLSTATE ${state} (unique conflict)${where}`;
    return { code: 'UniqueConflict', about: 'row', violation: 'unique', message };
  }
  if (state === '23503') {
    const message = `SQLSTATE ${state} (foreign key)${where}`;
    return { code: 'ForeignKeyConflict', about: 'row', violation: 'foreign-key', message };
  }
  const condition = conditions.get(state);
  if (condition?.isTriedAgain || isTransient(state)) {
    const cause = condition?.cause ?? classes[state.slice(0, 2)] ?? unknownClass;
    return {
      code: 'StoreUnavailable',
      about: condition?.about ?? 'server',
      message: `SQLSTATE ${state} (${cause})${where}`,
      remedy: condition?.remedy,
    };
  }
  const known = condition ? null : (refused[state] ?? ofClass[state.slice(0, 2)]);
  const cause = condition?.cause ?? known?.name ?? classes[state.slice(0, 2)] ?? unknownClass;
  return {
    code: 'StoreRefused',
    about: condition?.about ?? known?.about,
    violation: known?.violation,
    isMissing: missing.has(state),
    isOtherDefinition: state === otherDefinition,
    message: `SQLSTATE ${state} (${cause})${where}${rightIn(error)}${missingIn(error)}`,
    remedy: hiddenRows.test(error.message) ? hiddenRowsRemedy : condition?.remedy,
  };
}

/** Connection, resources, operator intervention, rollback by the server, lock timeouts, read-only standby. */
function isTransient(state: string): boolean {
  return ['08', '53', '57', '58', '40', '25', '55'].includes(state.slice(0, 2));
}

const conditions = conditionsOf('postgresql');

/** What the manual calls the classes of states that no table here lists. */
const classes: Readonly<Record<string, string>> = {
  '08': 'the connection',
  '0A': 'the server does not support it',
  '25': 'the state of the transaction',
  '2D': 'the end of the transaction',
  '34': 'the name of a cursor',
  '39': 'a routine of the database',
  '40': 'the transaction was rolled back by the server',
  '42': 'a name, a type or a rule of SQL',
  '53': 'resources of the server',
  '55': 'an object is not in the state for it',
  '57': 'the server was told to end it',
  '58': 'the files of the server',
  F0: 'the configuration of the server',
  XX: 'an error inside the server, whose log says more',
};
const unknownClass = 'the manual of the server says what it means';

/** What a session of ours is told where a policy would hide rows from it. */
const hiddenRows = /^query would be affected by (row-level security policy for table .+)$/;
const hiddenRowsRemedy =
  'ALTER ROLE {account} BYPASSRLS, or set {url} to the owner of the table, where that is not FORCEd: rows that are hidden would be taken for absent ones';

/** Which right, as far as an English message says it. */
function rightIn({ code, message }: pg.DatabaseError): string {
  const found =
    hiddenRows.exec(message)?.[1] ??
    /^permission denied (?:for|to) ((?:table|relation|schema|database|function|procedure|routine|sequence|view|column|role|create|set) ?[\w.$"]*)/.exec(
      message,
    )?.[1] ??
    /^must be (?:owner|a member) of .+$/.exec(message)?.[0];
  return code === '42501' && found ? `: ${found}` : '';
}

/** What is not there: where it is none of ours, nothing that prepare makes will help. */
function missingIn({ code = '', message }: pg.DatabaseError): string {
  const found = /^((?:relation|table|schema|function) "?[\w.$]+"?)(?:\(.*\))? does not exist$/.exec(
    message,
  )?.[1];
  return missing.has(code) && found ? `: ${found}` : '';
}

export function isDeadlock(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === '40P01' || error.code === '40001');
}

interface Refused {
  readonly name: string;
  readonly about: FailureSubject;
  readonly violation?: Violation;
}

const refused: Readonly<Record<string, Refused>> = {
  '22001': { name: 'value too long', about: 'row', violation: 'too-long' },
  '22003': { name: 'number out of range', about: 'row', violation: 'out-of-range' },
  '22021': { name: 'character that the database cannot keep', about: 'row', violation: 'invalid-value' },
  '22P05': {
    name: 'character that the database cannot keep, such as NUL',
    about: 'row',
    violation: 'invalid-value',
  },
  '23502': { name: 'null where none is allowed', about: 'row', violation: 'not-null' },
  '23514': { name: 'check constraint', about: 'row', violation: 'check' },
  [otherDefinition]: { name: 'the caller has another definition', about: 'schema' },
  [rowsMissing]: { name: 'the rows of an item are missing', about: 'schema' },
  [rowLeftOut]: { name: 'a trigger or rule left the row out', about: 'trigger' },
  LS001: { name: 'shared row differs and the shape says refuse', about: 'row', violation: 'shared-record' },
  LS002: { name: 'the column keeps the value in another form', about: 'row', violation: 'changed-value' },
};

/** By class, where the state itself is not listed. */
const ofClass: Readonly<Record<string, Refused>> = {
  '22': { name: 'invalid value', about: 'row', violation: 'invalid-value' },
  '28': { name: 'access denied', about: 'grants' },
  '54': { name: 'too large for the server', about: 'size' },
  P0: { name: 'raised by a trigger or function', about: 'trigger' },
};

/** No such table, routine or schema. */
const missing = new Set(['42P01', '42883', '3F000']);
