import { expect, test } from 'vitest';
import { servers } from '../servers.ts';
import { proofs } from './proofs.ts';
import { whyNoDisk } from './small-disk.ts';

/** In short form, and without stopping a server that other tests are using. */
test.for([...proofs])('%s holds', { timeout: 300_000 }, async ([name, proof], { skip }) => {
  const whyNot = name === 'disk' ? whyNoDisk() : null;
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
