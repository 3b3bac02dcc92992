import { keyKinds, keysOf, membershipDigest } from './keys.ts';

/** Prints which keys are in which share, as a process of its own sees it: KIND COUNT SEED SHARES. */
const [name, count, seed, shares = ''] = process.argv.slice(2);
const kind = keyKinds.find((known) => known === name);
if (!kind) throw new Error(`KIND is one of ${keyKinds.join(', ')}`);
process.stdout.write(
  membershipDigest(keysOf(kind, Number(count), Number(seed)), shares.split(',').map(Number)),
);
