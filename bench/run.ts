import { runFromCommandLine } from '../proofs/command-line.ts';
import { backfill } from './backfill.ts';
import type { Bench } from './bench.ts';
import { compare } from './compare.ts';
import { cost } from './cost/cost.ts';
import { guarded } from './guarded.ts';
import { keyset } from './keyset.ts';
import { owed } from './owed.ts';
import { parents } from './parents.ts';
import { reads } from './reads.ts';
import { sample } from './sample.ts';
import { stores } from './stores.ts';
import { touch } from './touch.ts';
import { writeChecks } from './write-checks.ts';
import { writeMemory } from './write-memory.ts';
import { wayNames } from './writes/ways.ts';
import { writes } from './writes/writes.ts';

const benches: ReadonlyMap<string, Bench> = new Map(
  Object.entries({
    guarded,
    stores,
    backfill,
    compare,
    keyset,
    sample,
    parents,
    writes,
    'write-checks': writeChecks,
    'write-memory': writeMemory,
    touch,
    reads,
    cost,
    owed,
  }),
);

await runFromCommandLine({
  usage: `npm run bench -- NAME [--json] [--seed N] [--rows N] [--runs N] [--mysql mysql-9.7|mariadb-11.8] [--postgresql postgresql-18]
npm run bench -- writes [--ways NAME,NAME …] [--callers N,N …] [--rows MILLISECONDS] [--runs ROUNDS] [--write-docs]
NAME is one of ${[...benches.keys()].join(', ')}.
--rows is how much each run works on, --runs how often each way is measured; each bench has its own defaults.
--ways are of ${wayNames.join(', ')}; --write-docs puts the figures into docs/performance.md.`,
  runs: benches,
  options: {
    rows: { type: 'string' },
    runs: { type: 'string' },
    ways: { type: 'string' },
    callers: { type: 'string' },
    'write-docs': { type: 'boolean' },
  },
  given: (values) => {
    const rows = amountOf(values.rows);
    const runs = amountOf(values.runs);
    const ways = listOf(values.ways, (name) => wayNames.find((known) => known === name) ?? null);
    const callers = listOf(values.callers, amountOf);
    if (rows === null || runs === null || ways === null || callers === null) return null;
    return { rows, runs, ways, callers, writeDocs: values['write-docs'] === true };
  },
});

/** Undefined where it was not given, null where it is no amount. */
function amountOf(text: string | boolean | undefined): number | undefined | null {
  if (text === undefined) return undefined;
  const amount = Number(text);
  return Number.isSafeInteger(amount) && amount > 0 ? amount : null;
}

/** Undefined where it was not given, null where one of it makes no sense. */
function listOf<T>(
  text: string | boolean | undefined,
  one: (text: string) => T | undefined | null,
): readonly T[] | undefined | null {
  if (typeof text !== 'string') return undefined;
  const given = text.split(',').map(one);
  const known = given.filter((value) => value !== null && value !== undefined);
  return known.length === given.length ? known : null;
}
