import { createHash } from 'node:crypto';
import { Random } from '../../examples/orders/random.ts';
import { keyText } from '../../model/canonical.ts';
import { isInRollout } from '../../model/rollout.ts';

export const keyKinds = ['numbers', 'uuids', 'pairs'] as const;
export type KeyKind = (typeof keyKinds)[number];

/** Keys as tables have them: numbers in a row, uuids, and pairs of a few names and a day. */
export function keysOf(kind: KeyKind, count: number, seed: number): string[] {
  const random = new Random(seed);
  const hex = (digits: number) =>
    Array.from({ length: digits }, () => random.between(0, 15).toString(16)).join('');
  const uuid = () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;
  const first = random.between(1, 1_000_000);
  const keyAt = {
    numbers: (index: number) => [String(first + index)],
    uuids: () => [uuid()],
    pairs: (index: number) => [`room ${index % 40}`, new Date(index * 86_400_000).toISOString().slice(0, 10)],
  }[kind];
  return Array.from({ length: count }, (_, index) => keyText(keyAt(index)));
}

/** Of which keys are in which share. */
export function membershipDigest(keys: readonly string[], shares: readonly number[]): string {
  const hash = createHash('sha256');
  for (const share of shares)
    hash.update(keys.map((key) => (isInRollout('account', key, share) ? '1' : '0')).join(''));
  return hash.digest('hex');
}
