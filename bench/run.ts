import { runFromCommandLine } from '../proofs/command-line.ts';
import { backfill } from './backfill.ts';
import type { Bench } from './bench.ts';
import { compare } from './compare.ts';
import { guarded } from './guarded.ts';
import { keyset } from './keyset.ts';
import { stores } from './stores.ts';
import { touch } from './touch.ts';
import { writeChecks } from './write-checks.ts';
import { writeMemory } from './write-memory.ts';
import { writes } from './writes.ts';

const benches: ReadonlyMap<string, Bench> = new Map(
  Object.entries({
    guarded,
    stores,
    backfill,
    compare,
    keyset,
    writes,
    'write-checks': writeChecks,
    'write-memory': writeMemory,
    touch,
  }),
);

await runFromCommandLine({
  usage: `npm run bench -- NAME [--json] [--seed N] [--rows N] [--runs N]
NAME is one of ${[...benches.keys()].join(', ')}.
--rows is how much each run works on, --runs how often each way is measured; each bench has its own defaults.`,
  runs: benches,
  options: { rows: { type: 'string' }, runs: { type: 'string' } },
  given: (values) => {
    const rows = amountOf(values.rows);
    const runs = amountOf(values.runs);
    return rows === null || runs === null ? null : { rows, runs };
  },
});

/** Undefined where it was not given, null where it is no amount. */
function amountOf(text: string | boolean | undefined): number | undefined | null {
  if (text === undefined) return undefined;
  const amount = Number(text);
  return Number.isSafeInteger(amount) && amount > 0 ? amount : null;
}
