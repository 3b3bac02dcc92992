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
    text: 'if (other && !other.undecided && !isNewer(wanted, other.version))',
    without: 'if (other && !other.undecided)',
    tests: ['test/client/reads.test.ts'],
    named: 'a token that no store has reached',
    keeps: 'Nor is it by the other store.',
  },
  {
    file: repository,
    text: 'reads.from(routed).catch(() => null),',
    without: 'reads.from(routed),',
    tests: ['test/client/reads.test.ts'],
    named: 'the routed store is unavailable',
    keeps: 'Where the routed store is unavailable the primary answers.',
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
    file: 'databases/contract/current-state.ts',
    text: 'if (failed && phase && isOvertaken(newest, phase, last)) throw',
    without: 'if (failed && phase && newest === last) throw',
    tests: ['test/unit/current-state.test.ts'],
    keeps: 'A store that is alone is not believed to be the primary by a route that is over.',
  },
  {
    file: 'databases/contract/current-state.ts',
    text: '  return routes[found.phase].primary !== routes[known].primary;\n',
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
];
