import { LockstepError } from '../../model/failure.ts';
import { isVersion, type Version } from '../../model/version.ts';

/** What a write gives its caller to read it back with: the version, in a form that says what it is. */
export type Token = string;

const prefix = 'v1.';

export function tokenOf(version: Version): Token {
  return `${prefix}${version}`;
}

export function versionOf(token: Token): Version {
  const version = token.startsWith(prefix) ? token.slice(prefix.length) : '';
  if (isVersion(version)) return version;
  throw new LockstepError('InvalidToken', `"${token}" is no token; pass the token of a write's receipt`);
}
