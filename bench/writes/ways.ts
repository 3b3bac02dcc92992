import { olderCommit } from './older/checkout.ts';
import type { Way } from './way.ts';

/** In the order of the tables. A new way is a line here and a file that exports `open`. */
export const ways = {
  bare: { title: 'bare `Promise.all`', answered: 'both', file: './ways/bare.ts' },
  primary: { title: 'the primary alone', answered: 'primary', file: './ways/primary.ts' },
  outbox: { title: 'outbox on pg-boss', answered: 'primary', file: '../peers/pg-boss.ts', peer: true },
  restate: { title: 'Restate, one `run`', answered: 'both', file: '../peers/restate.ts', peer: true },
  dbos1: { title: 'DBOS, one step', answered: 'both', file: '../peers/dbos-one.ts', peer: true },
  dbos2: { title: 'DBOS, two steps', answered: 'both', file: '../peers/dbos-two.ts', peer: true },
  textbook: { title: 'Temporal, two activities', answered: 'both', file: './ways/textbook.ts' },
  older: {
    title: `Lockstep at commit ${olderCommit}`,
    answered: 'primary',
    file: './ways/older.ts',
    older: true,
  },
  group: { title: '**Lockstep**', answered: 'primary', file: './ways/group.ts', lockstep: 'group' },
  groupBoth: {
    title: '**Lockstep**, `ack: both`',
    answered: 'both',
    file: './ways/group-both.ts',
    lockstep: 'group',
  },
  embedded: {
    title: '**Lockstep**, embedded',
    answered: 'primary',
    file: './ways/embedded.ts',
    lockstep: 'embedded',
  },
  embeddedBoth: {
    title: '**Lockstep**, embedded, `ack: both`',
    answered: 'both',
    file: './ways/embedded-both.ts',
    lockstep: 'embedded',
  },
  journal: {
    title: "**Lockstep**, `entry: 'journal'`",
    answered: 'primary',
    file: './ways/journal.ts',
    lockstep: 'journal',
  },
} as const satisfies Readonly<Record<string, Way>>;

export type WayName = keyof typeof ways;
export const wayNames = Object.keys(ways) as readonly WayName[];
