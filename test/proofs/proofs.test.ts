import { expect, test } from 'vitest';
import { servers } from '../servers.ts';
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
import type { Proof } from './report.ts';
import { resume } from './resume.ts';
import { whyNoDisk } from './small-disk.ts';
import { tamper } from './tamper.ts';
import { throttle } from './throttle.ts';

const proofs: { name: string; proof: Proof; whyNot?: string | null }[] = [
  { name: 'outage', proof: outage },
  { name: 'kill', proof: kill },
  { name: 'compensate', proof: compensate },
  { name: 'journal', proof: journal },
  { name: 'tamper', proof: tamper },
  { name: 'matrix', proof: matrix },
  { name: 'race', proof: race },
  { name: 'resume', proof: resume },
  { name: 'memory', proof: memory },
  { name: 'throttle', proof: throttle },
  { name: 'corpus', proof: corpus },
  { name: 'differences', proof: differences },
  { name: 'disk', proof: disk, whyNot: whyNoDisk() },
];

/** In short form, and without stopping a server that other tests are using. */
test.for(proofs)('$name holds', { timeout: 300_000 }, async ({ proof, whyNot = null }, { skip }) => {
  skip(whyNot !== null, whyNot ?? '');
  const { bars, figures } = await proof({
    servers: servers(),
    seed: 20_260_801,
    short: true,
    proxy: true,
    note: () => {},
  });
  const broken = bars.filter(({ ok }) => !ok);
  expect(broken, JSON.stringify({ broken, figures }, null, 2)).toEqual([]);
});
