import { parseArgs } from 'node:util';
import { up } from '../deploy/dev/servers.ts';
import { tableOf } from '../test/proofs/table.ts';
import { backfill } from './backfill.ts';
import type { Bench } from './bench.ts';
import { compare } from './compare.ts';
import { guarded } from './guarded.ts';

const benches = new Map<string, Bench>([
  ['guarded', guarded],
  ['compare', compare],
  ['backfill', backfill],
]);

const usage = `npm run bench -- NAME [--json] [--seed N] [--rows N] [--runs N]
NAME is one of ${[...benches.keys()].join(', ')}.
--rows is how much each run works on, --runs how often each way is measured; each bench has its own defaults.`;

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  process.exitCode = 1;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
      rows: { type: 'string' },
      runs: { type: 'string' },
    },
  });
  const [name = ''] = positionals;
  const bench = benches.get(name);
  const seed = Number(values.seed);
  const rows = amountOf(values.rows);
  const runs = amountOf(values.runs);
  if (!bench || positionals.length !== 1 || !Number.isSafeInteger(seed) || rows === null || runs === null) {
    process.stderr.write(`${usage}\n`);
    return 1;
  }
  const note = (line: string) => void process.stderr.write(`${line}\n`);
  const servers = await up({ report: note });
  const found = await bench({ servers, seed, note, rows, runs });
  process.stdout.write(values.json ? `${JSON.stringify(found)}\n` : `${tableOf(found)}\n`);
  return found.pass ? 0 : 1;
}

/** Undefined where it was not given, null where it is no amount. */
function amountOf(text: string | undefined): number | undefined | null {
  if (text === undefined) return undefined;
  const amount = Number(text);
  return Number.isSafeInteger(amount) && amount > 0 ? amount : null;
}
