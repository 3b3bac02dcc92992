import { expect, test } from 'vitest';
import type { WriteWay } from '../../proofs/account/way.ts';
import { proofs } from '../../proofs/proofs.ts';
import { NotHere, type Proof } from '../../proofs/report.ts';
import { servers } from '../support/servers.ts';

const files = 4;

/**
 * Proofs in short form, and without stopping a server that other tests are using. They are shared out over several files, which
 * run beside one another.
 *
 * @param share 0 … 3: which of the files this is
 */
export function proofsHold(share: number): void {
  const own = [...proofs].filter((_, index) => index % files === share);
  test.for(own)('%s holds', { timeout: 300_000 }, async ([, proof], { skip }) => {
    await holds(proof, skip);
  });
}

/** One of them, where writes travel in another way than by default. */
export function proofHoldsBy(way: WriteWay, name: string): void {
  test(`${name} holds by ${way}`, { timeout: 300_000 }, async ({ skip }) => {
    const proof = proofs.get(name);
    if (!proof) throw new TypeError(`there is no proof ${name}`);
    await holds(proof, skip, way);
  });
}

async function holds(proof: Proof, skip: (why: string) => never, way?: WriteWay): Promise<void> {
  const { bars, figures } = await proof({
    servers: servers(),
    seed: 20_260_801,
    short: true,
    proxy: true,
    way,
    note: () => {},
  }).catch((error: unknown) => {
    if (error instanceof NotHere) return skip(error.message);
    throw error;
  });
  const broken = bars.filter(({ ok }) => !ok);
  expect(broken, JSON.stringify({ broken, figures }, null, 2)).toEqual([]);
}
