import type { accountWritten, Layout } from '../account/account.ts';
import { type AccountKind, layoutOf, suffixOf } from '../account/migration.ts';

/** Where some of the accounts lie. */
export interface Place {
  readonly kind: AccountKind;
  readonly entity: ReturnType<typeof accountWritten>;
  readonly layout: Layout;
  /** Of their tables. */
  readonly suffix: string;
}

export const kinds = [
  'primary-secondary',
  'primary-secondary/lines',
  'primary-secondary/bytes',
  'flag-controlled',
  'parallel',
  'transactional',
  'transactional/lines',
] as const satisfies readonly [AccountKind, ...AccountKind[]];

export function placesOf(accounts: readonly Place['entity'][]): readonly Place[] {
  return kinds.flatMap((kind, at) => {
    const entity = accounts[at];
    return entity ? [{ kind, entity, layout: layoutOf(kind), suffix: at === 0 ? '' : suffixOf(kind) }] : [];
  });
}
