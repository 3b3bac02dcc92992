import { openUpserts } from '../upserts.ts';
import type { Open } from '../way.ts';

/** One store, as before any migration. */
export const open: Open = async ({ stores }) => {
  const upserts = openUpserts(stores);
  return {
    write: (account) => upserts.legacy(account),
    [Symbol.asyncDispose]: () => upserts[Symbol.asyncDispose](),
  };
};
