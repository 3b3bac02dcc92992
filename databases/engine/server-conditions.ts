import type { FailureSubject } from '../../model/failure.ts';

/**
 * What a server's numbers (MySQL/MariaDB) and SQLSTATEs (PostgreSQL) say about it, about the connection or about what the account
 * may do, and what helps. What they say about a row stands with each engine.
 */
export interface ServerCondition {
  readonly cause: string;
  /** `{account}` stands for the account that connects, `{url}` for the variable that holds the connection string. */
  readonly remedy: string;
  readonly about: Extract<FailureSubject, 'server' | 'grants' | 'schema'>;
  /** Nothing was asked of a row yet, and what was asked is tried again: the store is unavailable. Else it has refused. */
  readonly isTriedAgain: boolean;
  readonly mysql: readonly number[];
  readonly postgresql: readonly string[];
}

const server = { about: 'server', isTriedAgain: true } as const;
/** Of a connection that was not given: nothing has been asked yet. */
const notLetIn = { about: 'grants', isTriedAgain: true } as const;
const right = { about: 'grants', isTriedAgain: false } as const;
const missing = { about: 'schema', isTriedAgain: false } as const;

export const serverConditions = {
  disk: {
    ...server,
    cause: 'no space left on its disk',
    remedy: 'free disk space there, or enlarge the disk',
    mysql: [20, 1021, 1114, 1878],
    postgresql: ['53100'],
  },
  memory: {
    ...server,
    cause: 'out of memory',
    remedy: 'give the server more memory, or raise the limit that its log names',
    mysql: [5, 1037, 1038, 1041, 1135, 1206],
    postgresql: ['53200'],
  },
  stack: {
    ...server,
    cause: 'a statement, or a trigger that it fires, needs a larger stack',
    remedy: 'raise thread_stack there, or let the trigger call less deeply',
    mysql: [1436],
    // What a statement of PostgreSQL's does to its stack depends on its row, and leaves nothing behind.
    postgresql: [],
  },
  connections: {
    ...server,
    cause: 'too many connections',
    remedy: 'raise the limit there, or lower poolSize or the number of workers',
    mysql: [1040, 1203, 1226],
    postgresql: ['53300'],
  },
  readOnly: {
    ...server,
    cause: 'it is read-only',
    remedy: 'let it take writes, or set {url} to the server that does',
    mysql: [1290, 1792, 1836],
    postgresql: ['25006'],
  },
  binaryLog: {
    ...server,
    cause: 'its binary log takes statements, and of a write at READ COMMITTED it needs the rows',
    remedy: "SET GLOBAL binlog_format = 'ROW', or 'MIXED'",
    mysql: [1665],
    postgresql: [],
  },
  lock: {
    ...server,
    cause: 'a lock was not given in time',
    remedy: 'end the transaction that holds it',
    mysql: [1205, 3572],
    postgresql: ['55P03'],
  },
  pooler: {
    ...server,
    cause: 'what was asked at the connection is refused, as a pooler does',
    remedy: 'connect without the pooler, or let it keep one session of the server for each of its clients',
    mysql: [],
    postgresql: ['08P01'],
  },
  time: {
    ...server,
    cause: 'the statement was ended',
    remedy: 'see whether the server is overloaded, or who ended it',
    mysql: [1317, 1969, 3024],
    postgresql: ['57014'],
  },
  stopping: {
    ...server,
    cause: 'it is starting or stopping',
    remedy: 'wait until it runs',
    mysql: [1053, 1079],
    postgresql: ['57P01', '57P02', '57P03'],
  },

  password: {
    ...notLetIn,
    cause: 'account or password not accepted',
    remedy: 'correct the user ({account}) and the password in {url}',
    mysql: [1045, 1698],
    postgresql: ['28P01'],
  },
  account: {
    ...notLetIn,
    cause: 'the account is not let in from here',
    remedy:
      'create the account {account}, and let it log in from this machine (the host of the account, or pg_hba.conf); or correct {url}',
    mysql: [1129, 1130, 1862, 3118, 4151],
    postgresql: ['28000'],
  },
  encryption: {
    ...notLetIn,
    cause: 'only encrypted connections are let in',
    remedy: 'put sslmode=verify-full into {url}',
    mysql: [3159],
    postgresql: [],
  },
  database: {
    about: 'schema',
    isTriedAgain: true,
    cause: 'no such database',
    remedy: 'create it, or correct the name at the end of {url}',
    mysql: [1049],
    postgresql: ['3D000'],
  },

  right: {
    ...right,
    cause: 'permission denied',
    remedy: 'grant that to {account}, or set {url} to an account that has it',
    mysql: [1044, 1142, 1143, 1227, 1370, 4160],
    postgresql: ['42501'],
  },
  definer: {
    ...right,
    cause: 'the definer of a trigger or routine does not exist',
    remedy: 'create it anew as an account that stays: lockstep prepare makes those of Lockstep',
    mysql: [1449],
    postgresql: [],
  },
  triggers: {
    ...right,
    cause: 'the server writes a binary log, and refuses triggers of an account without SUPER',
    remedy: 'SET GLOBAL log_bin_trust_function_creators = 1, or let an account with SUPER prepare',
    mysql: [1418, 1419],
    postgresql: [],
  },

  table: {
    ...missing,
    cause: 'no such table',
    remedy:
      'create it, or correct the table of the entity; a trigger that names it may need its schema before it; ' +
      'lockstep prepare makes those of Lockstep',
    mysql: [1146],
    postgresql: ['42P01'],
  },
  column: {
    ...missing,
    cause: 'no such column',
    remedy: 'add it, or correct the shape of the entity, then run lockstep prepare',
    mysql: [1054],
    postgresql: ['42703'],
  },
  routine: {
    ...missing,
    cause: 'no such routine',
    remedy:
      'create it, or remove what calls it; a trigger that calls it may need its schema before it; ' +
      'lockstep prepare makes those of Lockstep',
    mysql: [1305],
    postgresql: ['42883'],
  },
  schema: {
    ...missing,
    cause: 'no such schema',
    remedy: 'create it, or correct the table of the entity; lockstep prepare makes the one of Lockstep',
    mysql: [],
    postgresql: ['3F000'],
  },
} as const satisfies Record<string, ServerCondition>;

/** Of one engine, by its number or SQLSTATE. */
export function conditionsOf(engine: 'mysql' | 'postgresql'): ReadonlyMap<string, ServerCondition> {
  return new Map(
    Object.values<ServerCondition>(serverConditions).flatMap((condition) =>
      condition[engine].map((code) => [String(code), condition] as const),
    ),
  );
}

/** A remedy as this store's operator reads it. */
export function remedyFor(remedy: string, { account, url }: { account: string; url: string }): string {
  return remedy.replaceAll('{account}', account || 'no name').replaceAll('{url}', url);
}
