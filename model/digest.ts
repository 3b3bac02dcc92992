import { hash } from 'node:crypto';
import { type Canonical, canonicalText } from './canonical.ts';

/** sha256 of the canonical text, in hex. Apart from canonical.ts because workflow code has no `node:crypto`. */
export function digestOf(value: Canonical): string {
  return hash('sha256', canonicalText(value));
}
