import { expect, test } from 'vitest';
import { servers } from '../servers.ts';
import { proofs } from './proofs.ts';

/** In short form, and without stopping a server that other tests are using. */
test.each([...proofs])('%s holds', { timeout: 300_000 }, async (_, proof) => {
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
