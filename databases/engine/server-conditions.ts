export interface ServerCondition {
  readonly cause: string;
  readonly remedy: string;
}

/** Why a server takes nothing for now, and what helps. It says nothing about a row: what was asked is tried again. */
export const serverConditions = {
  disk: { cause: 'no space left on its disk', remedy: 'free disk space there, or enlarge the disk' },
  memory: {
    cause: 'out of memory',
    remedy: 'give the server more memory, or raise the limit that its log names',
  },
  connections: {
    cause: 'too many connections',
    remedy: 'raise the limit there, or lower poolSize or the number of workers',
  },
  readOnly: {
    cause: 'it is read-only',
    remedy: 'let it take writes, or set the URL to the server that does',
  },
  lock: { cause: 'a lock was not given in time', remedy: 'end the transaction that holds it' },
  pooler: {
    cause: 'what was asked at the connection is refused, as a pooler does',
    remedy: 'connect without the pooler, or let it keep one session of the server for each of its clients',
  },
  time: { cause: 'the statement was ended', remedy: 'see whether the server is overloaded, or who ended it' },
} as const satisfies Record<string, ServerCondition>;
