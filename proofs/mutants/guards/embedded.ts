import type { Guard } from '../guard.ts';

/** Writes of a service with the worker in its process. */
export const embeddedGuards: readonly Guard[] = [
  {
    file: 'workers/ahead.ts',
    text: 'while (this.#runs.size >= maxRuns) {',
    without: 'while (this.#runs.size >= 600_000) {',
    tests: ['test/unit/ahead.test.ts'],
    keeps: 'Whoever writes faster than its workflows run waits for them.',
  },
  {
    file: 'workers/ahead.ts',
    text: '    run.results.delete(activity);\n',
    without: '',
    tests: ['test/unit/ahead.test.ts'],
    keeps: 'A workflow that asks again has the call made again: the first result may be of another route.',
  },
  {
    file: 'activities/write/completions.ts',
    text: '    await before?.catch(() => undefined);\n',
    without: '',
    tests: ['test/unit/completions.test.ts'],
    keeps: 'While one statement completes writes in a journal, the next ones gather for one more.',
  },
  {
    file: 'client/service/start-behind.ts',
    text: '    if (this.#waiting.has(operation.id)) return;\n',
    without: '',
    tests: ['test/unit/start-behind.test.ts'],
    keeps: 'A write that is sent again while it waits for its workflow has one.',
  },
  {
    file: 'client/service/start-behind.ts',
    text: 'while (this.#bytes >= maxWaitingBytes) {',
    without: 'while (this.#bytes >= 1e12) {',
    tests: ['test/unit/start-behind.test.ts'],
    keeps: 'While Temporal is away, no more writes are made than may wait for workflows.',
  },
  {
    file: 'databases/deciding/decide-together.ts',
    text: "['pending', 'completed', 'failed']",
    without: "['pending', 'completed']",
    tests: ['test/workflows/embedded-behind.test.ts'],
    named: 'sent again to another',
    keeps: 'A refusal is told again without a workflow, also while Temporal is away.',
  },
  {
    file: 'workers/write-ahead.ts',
    text: 'return input && write && (await write.taken) ? { ...write, input } : null;',
    without: 'return input && write ? { ...write, input } : null;',
    tests: ['test/workflows/embedded.test.ts'],
    named: 'is not answered while',
    keeps: 'With `both`, a caller is answered when both stores have the write.',
  },
];
