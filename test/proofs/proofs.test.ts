import { expect, test } from 'vitest';
import { servers } from '../servers.ts';
import { compensate } from './compensate.ts';
import { differences } from './differences.ts';
import { journal } from './journal.ts';
import { kill } from './kill.ts';
import { matrix } from './matrix.ts';
import { memory } from './memory.ts';
import { outage } from './outage.ts';
import { race } from './race.ts';
import type { Proof } from './report.ts';
import { resume } from './resume.ts';
import { tamper } from './tamper.ts';
import { throttle } from './throttle.ts';

const proofs: { name: string; proof: Proof }[] = [
  { name: 'outage', proof: outage },
  { name: 'kill', proof: kill },
  { name: 'compensate', proof: compensate },
  { name: 'differences', proof: differences },
  { name: 'journal', proof: journal },
  { name: 'tamper', proof: tamper },
  { name: 'matrix', proof: matrix },
  { name: 'race', proof: race },
  { name: 'resume', proof: resume },
  { name: 'memory', proof: memory },
  { name: 'throttle', proof: throttle },
];

/** In short form, and without stopping a server that other tests are using. */
test.each(proofs)('$name holds', { timeout: 300_000 }, async ({ proof }) => {
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
