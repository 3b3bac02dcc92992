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
];
