import type { Guard } from '../guard.ts';

/** Heartbeats, limits and retries. */
export const retryGuards: readonly Guard[] = [
  {
    file: 'activities/heartbeat.ts',
    text: 'setInterval(() => context.heartbeat(), everyMs)',
    without: 'setInterval(() => undefined, everyMs)',
    tests: ['test/unit/heartbeat.test.ts'],
    keeps: 'A long statement is not taken for a lost worker.',
  },
  {
    file: 'activities/write/store-outage.ts',
    text: 'Math.max(least, Math.min(pause, most))',
    without: 'Math.min(pause, most)',
    tests: ['test/unit/store-outage.test.ts'],
    keeps: 'A store that has just gone away is not asked without a pause.',
  },
  {
    file: 'activities/write/store-outage.ts',
    text: 'Math.max(least, Math.min(pause, most))',
    without: 'Math.max(least, pause)',
    tests: ['test/unit/store-outage.test.ts'],
    keeps: 'Pauses do not outgrow the policy, however long a store is away.',
  },
  {
    file: 'activities/write/store-outage.ts',
    text: '    this.#since.delete(store);\n',
    without: '',
    tests: ['test/unit/store-outage.test.ts'],
    keeps: 'An outage is over with the first answer.',
  },
  {
    file: 'workflows/write/park.ts',
    text: "  if (status !== 'parked') {",
    without: "  if (status === 'failed') {",
    tests: ['test/workflows/journal-retry.test.ts'],
    named: 'does not wait for another decision',
    keeps: 'A write that is completed meanwhile waits for no person.',
  },
  {
    file: 'activities/journal/journal.ts',
    text: 'decided[at]?.version === taken[at]?.version',
    without: 'decided[at] !== undefined',
    tests: ['test/workflows/journal-retry.test.ts'],
    named: 'whose newer one is parked too',
    keeps: 'A parked write is overtaken only where both stores have what overtook it.',
  },
  {
    file: 'activities/journal/journal.ts',
    text: "failure !== 'CompensationFailed' && refusal === null",
    without: 'refusal === null',
    tests: ['test/workflows/journal-retry.test.ts'],
    named: 'that could not be undone waits',
    keeps: 'A write that could not be undone waits for a person, also where a newer one has overtaken it.',
  },
];
