import { LockstepError } from './failure.ts';
import { isVersion, type Version } from './version.ts';

declare const tokenBrand: unique symbol;

/** The version that a write made or a read found, in a form that says what it is. It is text, and may travel as such. */
export type Token = string & { readonly [tokenBrand]: true };

const prefix = 'v1.';

export function tokenOf(version: Version): Token {
  return `${prefix}${version}` as Token;
}

/**
 * A token that has travelled as text, such as in a header.
 *
 * @throws LockstepError `InvalidToken` where the text is no token.
 */
export function parseToken(text: string): Token {
  return tokenOf(versionOf(text));
}

export function versionOf(token: string): Version {
  // Types do not hold everybody.
  const version = typeof token === 'string' && token.startsWith(prefix) ? token.slice(prefix.length) : '';
  if (isVersion(version)) return version;
  throw new LockstepError(
    'InvalidToken',
    'what was given is no token; pass the token of a write or of a read',
  );
}
