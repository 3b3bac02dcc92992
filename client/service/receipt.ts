import type { Ack } from '../../model/entity.ts';
import { type Token, tokenOf } from '../../model/token.ts';
import type { Answered } from './write-options.ts';

/** The answer to a write. */
export type Receipt<A extends Ack = Ack> = Answer<Answered<string, A>, Answered<Token, A>>;

/** Its parameters are what is in it, so that the receipt of a stronger `ack` is one of any. */
interface Answer<V extends string | null, T extends Token | null> {
  readonly operationId: string;
  /** Null with `ack: 'recorded'`. */
  readonly version: V;
  /** Pass it as `atLeast` to read what was written. Null with `ack: 'recorded'`. */
  readonly token: T;
}

/** The workflow gives a version unless it was told to answer before there is one. */
export function receiptOf<A extends Ack>(operationId: string, version: string | null): Receipt<A> {
  const token = version === null ? null : tokenOf(version);
  return {
    operationId,
    version: version as Answered<string, A>,
    token: token as Answered<Token, A>,
  };
}
