import { expect, test } from 'vitest';
import { proofs } from '../../proofs/proofs.ts';
import { NotHere } from '../../proofs/report.ts';
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
}
