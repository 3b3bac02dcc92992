import type { Guard } from '../guard.ts';

const repository = 'client/service/repository.ts';
const cache = 'client/service/route-cache.ts';

/** Reads: where they go, and what they never answer with. */
export const readGuards: readonly Guard[] = [
  {
    file: repository,
    text: 'if (!isNewer(wanted, stored.record.version)) return',
    without: 'return',
    tests: ['test/client/reads.test.ts'],
    named: 'a read that carries a token',
    keeps: 'A read with a token is not answered with an older version.',
  },
  {
    file: repository,
    text: 'if (other && !isNewer(wanted, other.version)) return',
    without: 'if (other) return',
    tests: ['test/client/reads.test.ts'],
    named: 'a token that no store has reached',
    keeps: 'Nor is it by the other store.',
  },
  {
    file: repository,
    text: "if (reads !== 'share') return reads;",
    without: '',
    tests: ['test/client/flags.test.ts', 'test/client/reads.test.ts'],
    keeps: 'Flags decide where reads go in their phase only.',
  },
  {
    file: repository,
    text: '      if (routed === primary) throw error;\n      const record',
    without: '      throw error;\n      const record',
    tests: ['test/client/reads.test.ts'],
    named: 'the routed store is unavailable',
    keeps: 'Where the routed store is unavailable the primary answers.',
  },
  {
    file: repository,
    text: '      !flagsApplyIn(state.phase) ||\n',
    without: '',
    tests: ['test/client/flags.test.ts'],
    keeps: 'After dual-write no provider is asked about writes.',
  },
  {
    file: repository,
    text: "      this.#parts.reads.count('fellBack');\n",
    without: '',
    tests: ['test/client/read-limits.test.ts'],
    keeps: 'A read that fell back is counted.',
  },
  {
    file: cache,
    text: '() => performance.now()',
    without: '() => Date.now()',
    tests: ['test/client/reads.test.ts'],
    named: 'wall clock steps back',
    keeps: 'A wall clock that steps back keeps no old route.',
  },
  {
    file: cache,
    text: 'if (!known || age >= routeLeaseMs) return await this.#asking;',
    without: 'if (!known) return await this.#asking;',
    tests: ['test/client/reads.test.ts'],
    named: 'until its lease is over',
    keeps: 'A route serves no longer than its lease.',
  },
  {
    file: cache,
    text: 'if (known && age < routeFreshMs) return known.state;',
    without: 'if (known) return known.state;',
    tests: ['test/client/reads.test.ts'],
    named: 'until its lease is over|wall clock steps back',
    keeps: 'A route is asked for again.',
  },
  {
    file: 'databases/contract/current-state.ts',
    text: 'if (failed && last && isOvertaken(newest, last)) throw',
    without: 'if (failed && last && newest === last) throw',
    tests: ['test/unit/current-state.test.ts'],
    keeps: 'A store that is alone is not believed to be the primary by a route that is over.',
  },
  {
    file: 'databases/contract/current-state.ts',
    text: '  return routes[found.phase].primary !== routes[last.phase].primary;\n',
    without: '  return true;\n',
    tests: ['test/unit/current-state.test.ts'],
    keeps: 'An older route of the same primary serves while the other store is away.',
  },
  {
    file: 'databases/contract/current-state.ts',
    text: "if (failed?.status === 'rejected') throw failed.reason;",
    without: '',
    tests: ['test/unit/current-state.test.ts'],
    keeps: 'A store that does not answer is not taken for one that was never prepared.',
  },
  {
    file: 'client/stores-fit.ts',
    text: 'unavailable && name !== routes[phase].primary',
    without: 'unavailable && name !== undefined',
    tests: ['test/cli/commands.test.ts', 'test/client/reads.test.ts'],
    keeps: 'Nobody starts without the primary.',
  },
];
