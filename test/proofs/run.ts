import { inspect, parseArgs } from 'node:util';
import { up } from '../../deploy/dev/servers.ts';

import { compensate } from './compensate.ts';
import { corpus } from './corpus.ts';
import { differences } from './differences.ts';
import { disk } from './disk.ts';
import { journal } from './journal.ts';
import { kill } from './kill.ts';
import { matrix } from './matrix.ts';
import { memory } from './memory.ts';
import { outage } from './outage.ts';
import { race } from './race.ts';
import { NotHere, type Proof } from './report.ts';
import { resume } from './resume.ts';
import { tableOf } from './table.ts';
import { tamper } from './tamper.ts';
import { throttle } from './throttle.ts';

const proofs = new Map<string, Proof>([
  ['outage', outage],
  ['kill', kill],
  ['compensate', compensate],
  ['journal', journal],
  ['tamper', tamper],
  ['matrix', matrix],
  ['race', race],
  ['resume', resume],
  ['memory', memory],
  ['throttle', throttle],
  ['corpus', corpus],
  ['differences', differences],
  ['disk', disk],
]);

const usage = `npm run proof -- NAME [--json] [--seed N] [--short] [--proxy]
NAME is one of ${[...proofs.keys()].join(', ')}.
--short takes fewer and shorter rounds. --proxy cuts connections where the whole proof stops a server.`;

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${error instanceof NotHere ? error.message : inspect(error)}\n`);
  process.exitCode = 1;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
      short: { type: 'boolean', default: false },
      proxy: { type: 'boolean', default: false },
    },
  });
  const [name = ''] = positionals;
  const proof = proofs.get(name);
  const seed = Number(values.seed);
  if (!proof || positionals.length !== 1 || !Number.isSafeInteger(seed)) {
    process.stderr.write(`${usage}\n`);
    return 1;
  }
  const note = (line: string) => void process.stderr.write(`${line}\n`);
  const servers = await up({ report: note });
  const found = await proof({ servers, seed, short: values.short, proxy: values.proxy, note });
  process.stdout.write(values.json ? `${JSON.stringify(found)}\n` : `${tableOf(found)}\n`);
  return found.pass ? 0 : 1;
}
