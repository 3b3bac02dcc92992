import { z } from 'zod';
import { type Entry, entity, type Pattern } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { table } from '../../model/shape.ts';

const accountSchema = z.strictObject({
  id: z.uuid(),
  owner: z.string(),
  balance: z.string(),
  note: z.string().nullable(),
  openedOn: z.iso.date(),
  seenAt: z.iso.datetime({ precision: 6 }),
  mark: z.int(),
});

/** `mark` is another number in every write that sets it, so that a store's witness can tell writes apart. */
export type Account = z.infer<typeof accountSchema>;

/** @param suffix of its name and of its tables, where there are accounts of several patterns */
export function accountWritten(pattern: Pattern, suffix = '', entry: Entry = 'workflow') {
  return entity({
    name: `account${suffix}`,
    schema: accountSchema,
    pattern,
    entry,
    key: 'id',
    fields: { balance: field.decimal({ scale: 2 }) },
    legacy: table(`acct${suffix}`, {
      owner: 'owner_nm',
      balance: 'bal',
      openedOn: 'opened',
      seenAt: 'last_seen',
    }),
    modern: table(`accounts${suffix}`, { openedOn: 'opened_on', seenAt: 'seen_at' }),
  });
}
