import type { Guard } from '../guard.ts';

/** Writes that wait together, and their order. */
export const groupGuards: readonly Guard[] = [
  {
    file: 'client/service/write-queue.ts',
    text: 'this.#busy.has(write.record) || ',
    without: '',
    tests: ['test/unit/write-queue.test.ts'],
    keeps: 'Two groups in flight never have a record in common.',
  },
  {
    file: 'client/service/write-queue.ts',
    text: ' || passedOver.has(write.record)',
    without: '',
    tests: ['test/unit/write-queue.test.ts'],
    keeps: 'A write that waits keeps later ones of its record behind it.',
  },
  {
    file: 'client/service/write-queue.ts',
    text: 'if (group.at <= slow) this.#inFlight.delete(group);',
    without: '{}',
    tests: ['test/unit/write-queue.test.ts'],
    keeps: 'A group that is not answered holds up only its own records.',
  },
  {
    file: 'databases/deciding/rounds.ts',
    text: '(isUpdate || before.isUpdate ? 1 : 0)',
    without: '0',
    tests: ['test/unit/group-rounds.test.ts'],
    keeps: 'An update in a group is computed from what the write of its key before it has left.',
  },
];
