import type { CanaryKind } from './canary.ts';

/** Where what a migration handles can be seen, and by whom. SECURITY.md shows it; `shows` is what the proof takes as allowed there. */
export interface Place {
  readonly name: string;
  readonly seenBy: string;
  readonly rowsAndKeys: string;
  readonly notes: string;
  readonly operationIds: string;
  /** Null where the proof does not look. */
  readonly shows: readonly CanaryKind[] | null;
}

const content = ['row', 'key', 'json-key'] as const;

export const places = {
  tables: {
    name: 'tables and control tables of the stores',
    seenBy: 'accounts of the stores',
    rowsAndKeys: 'yes',
    notes: 'no',
    operationIds: 'yes',
    shows: null,
  },
  mysqlStatements: {
    name: "MySQL's and MariaDB's process list, and their logs of statements",
    seenBy: 'accounts with PROCESS, and who reads the files',
    rowsAndKeys: 'yes: statements stand there with their values',
    notes: 'no',
    operationIds: 'yes',
    shows: content,
  },
  postgresqlStatements: {
    name: "PostgreSQL's process list (`pg_stat_activity`)",
    seenBy: 'the same account, and `pg_read_all_stats`',
    rowsAndKeys: 'no: values are parameters',
    notes: 'no',
    operationIds: 'of transactions',
    shows: [],
  },
  plainHistories: {
    name: "Temporal's histories, without an encryption key",
    seenBy: 'who may read the namespace, or its database',
    rowsAndKeys: 'yes',
    notes: 'yes',
    operationIds: 'yes',
    shows: null,
  },
  histories: {
    name: "Temporal's histories, with a key",
    seenBy: 'who may read the namespace, or its database',
    rowsAndKeys: 'no',
    notes: 'no',
    operationIds: 'yes, as part of workflow ids',
    shows: [],
  },
  attributes: {
    name: "Temporal's workflow ids, search attributes, memos, summaries, schedules",
    seenBy: 'who may read the namespace',
    rowsAndKeys: 'no',
    notes: 'no',
    operationIds: 'yes',
    shows: [],
  },
  codec: {
    name: 'Temporal UI through `lockstep codec`',
    seenBy: 'who has its token',
    rowsAndKeys: 'yes',
    notes: 'yes',
    operationIds: 'yes',
    shows: null,
  },
  logs: {
    name: 'logs of workers, at every level',
    seenBy: 'who reads the logs',
    rowsAndKeys: 'no',
    notes: 'no',
    operationIds: 'yes',
    shows: [],
  },
  metrics: {
    name: 'metrics and health endpoints',
    seenBy: 'who reaches them',
    rowsAndKeys: 'no',
    notes: 'no',
    operationIds: 'no',
    shows: [],
  },
  errors: {
    name: 'errors and warnings in services',
    seenBy: 'the service, and its log',
    rowsAndKeys: 'no',
    notes: 'no',
    operationIds: 'yes',
    shows: [],
  },
  commands: {
    name: 'commands of `lockstep`',
    seenBy: 'operators',
    rowsAndKeys: 'keys by `differences --keys` alone, at a terminal',
    notes: 'by `status`, and by what answers with it',
    operationIds: 'yes',
    shows: [],
  },
  commandLines: {
    name: 'command lines of processes',
    seenBy: 'accounts of the machine',
    rowsAndKeys: 'no',
    notes: 'while a command runs that is given one (`--reason`, `--by`)',
    operationIds: 'where a command is given one',
    shows: [],
  },
} as const satisfies Record<string, Place>;

export type PlaceName = keyof typeof places;

/** Commands whose answer holds the status, and so the notes of who has paused, moved or forced it. */
export const showNotes: ReadonlySet<string> = new Set([
  'status',
  'start',
  'apply',
  'advance',
  'rollback',
  'decommission',
  'pause',
  'resume',
  'backfill',
  'reads',
  'rate',
]);

/** The lines of the table in SECURITY.md. */
export function seenWhere(): string[] {
  return [
    '| where | who sees it | rows and keys | notes of operators | operation ids |',
    '| --- | --- | --- | --- | --- |',
    ...Object.values(places).map(
      ({ name, seenBy, rowsAndKeys, notes, operationIds }) =>
        `| ${[name, seenBy, rowsAndKeys, notes, operationIds].join(' | ')} |`,
    ),
  ];
}
