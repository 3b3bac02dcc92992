import { z } from 'zod';
import { type Entry, entity, type Pattern } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { table } from '../../model/shape.ts';

const accountSchema = z.strictObject({
  id: z.int().positive(),
  owner: z.string().min(1),
  email: z.string().nullable(),
  balance: z.string(),
});

export type Account = z.infer<typeof accountSchema>;

/** One kind of record, once for each way in which writes travel. */
function accountIn<const P extends Pattern>(
  tableName: string,
  name: string,
  pattern: P,
  entry: Entry = 'workflow',
) {
  return entity({
    name,
    schema: accountSchema,
    key: 'id',
    fields: { balance: field.decimal({ scale: 2 }) },
    legacy: table(tableName),
    modern: table(tableName),
    pattern,
    entry,
  });
}

export const account = accountIn('accounts', 'account', 'primary-secondary');
export const twin = accountIn('twins', 'twin', 'parallel');
export const flagged = accountIn('flagged', 'flagged', 'flag-controlled');

export const bound = accountIn('bound', 'bound', 'transactional');
/** The accounts, written by the journal. */
export const journaled = accountIn('accounts', 'account', 'primary-secondary', 'journal');
/** Written together with `bound`. */
export const ledger = accountIn('ledgers', 'ledger', 'transactional');

export const accountTables = ['accounts', 'twins', 'flagged'] as const;

/** The same SQL for both engines; each store refuses what the other takes. */
export function createAccounts(table: string, store: 'legacy' | 'modern'): string {
  const limit = store === 'legacy' ? 'balance > -1000' : 'balance < 1000';
  return `CREATE TABLE ${table} (
    id integer NOT NULL PRIMARY KEY, owner varchar(100) NOT NULL, email varchar(100), balance decimal(12,2) NOT NULL,
    CONSTRAINT ${table}_email UNIQUE (email), CONSTRAINT ${table}_limit CHECK (${limit}))`;
}

export const refusedByModern = '1000.00';
export const refusedByLegacy = '-1000.00';

let ids = 0;

/** An account that no other test has. */
export function newAccount(given: Partial<Account> = {}): Account {
  ids += 1;
  return { id: 1_000_000 + ids, owner: `owner ${ids}`, email: null, balance: '1.00', ...given };
}
