import { createHash } from 'node:crypto';
import { type Canonical, canonicalText } from './canonical.ts';

/** sha256 of the canonical text, in hex. Apart from canonical.ts because workflow code has no `node:crypto`. */
export function digestOf(value: Canonical): string {
  return createHash('sha256').update(canonicalText(value)).digest('hex');
}
