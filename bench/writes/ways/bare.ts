import { openUpserts } from '../upserts.ts';
import type { Open } from '../way.ts';

/** Both stores side by side, with nothing durable between them. */
export const open: Open = async ({ stores }) => {
  const upserts = openUpserts(stores);
  return {
    write: (account) => Promise.all([upserts.legacy(account), upserts.modern(account)]),
    [Symbol.asyncDispose]: () => upserts[Symbol.asyncDispose](),
  };
};
