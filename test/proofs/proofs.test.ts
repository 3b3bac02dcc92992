import { expect, test } from 'vitest';
import { proofs } from '../../proofs/proofs.ts';
import { NotHere } from '../../proofs/report.ts';
import { servers } from '../support/servers.ts';

/** In short form, and without stopping a server that other tests are using. */
test.for([...proofs])('%s holds', { timeout: 300_000 }, async ([, proof], { skip }) => {
  const { bars, figures } = await proof({
    servers: servers(),
    seed: 20_260_801,
    short: true,
    proxy: true,
    note: () => {},
  }).catch((error: unknown) => {
    if (error instanceof NotHere) return skip(error.message);
    throw error;
  });
  const broken = bars.filter(({ ok }) => !ok);
  expect(broken, JSON.stringify({ broken, figures }, null, 2)).toEqual([]);
});
