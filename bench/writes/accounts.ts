import { createHash } from 'node:crypto';
import type { Account } from '../../proofs/account/account.ts';

const keyCount = 20_000;
/** Prime to `keyCount`, so that writes that follow each other are of different keys. */
const stride = 7_919;

/** The same keys in every process of a run. */
export function keysOf(seed: number): readonly string[] {
  return Array.from({ length: keyCount }, (_, at) => {
    const hash = createHash('sha256').update(`${seed}/${at}`).digest('hex');
    // As version 4 has it.
    return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-4${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
  });
}

/** Gives an account with another key and other values at each call. */
export function accountsOf(seed: number): () => Account {
  const keys = keysOf(seed);
  let made = 0;
  return () => {
    made += 1;
    return {
      id: keys[(made * stride) % keyCount] ?? '',
      owner: `owner ${made}`,
      balance: '12.50',
      note: null,
      openedOn: '2026-01-31',
      seenAt: '2026-01-31T12:00:00.000001Z',
      mark: made % 1_000_000,
    };
  };
}
