import { z } from 'zod';
import { type Entry, entity, type Pattern } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { rows, table } from '../../model/shape.ts';

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

/** One row, two tables with a row for each line of the note, or one row with a key of bytes in MySQL/MariaDB. */
export const layouts = ['row', 'lines', 'bytes'] as const;
export type Layout = (typeof layouts)[number];

interface Written {
  /** Of its name and of its tables, where there are several accounts. */
  readonly suffix?: string;
  readonly entry?: Entry;
  readonly layout?: Layout;
}

export function accountWritten(
  pattern: Pattern,
  { suffix = '', entry = 'workflow', layout = 'row' }: Written = {},
) {
  return entity({
    name: `account${suffix}`,
    schema: accountSchema,
    pattern,
    entry,
    key: 'id',
    fields: { balance: field.decimal({ scale: 2 }) },
    legacy: layout === 'lines' ? inLines(`acct${suffix}`) : inRow(`acct${suffix}`, layout),
    modern:
      layout === 'lines'
        ? inLines(`accounts${suffix}`)
        : table(`accounts${suffix}`, { openedOn: 'opened_on', seenAt: 'seen_at' }),
  });
}

function inRow(name: string, layout: Layout) {
  return table(layout === 'bytes' ? `${name}_rows` : name, {
    owner: 'owner_nm',
    balance: 'bal',
    openedOn: 'opened',
    seenAt: 'last_seen',
  });
}

function inLines(name: string) {
  const [heads, lines] = [`${name}_heads`, `${name}_lines`];
  return rows<Account, Record<string, readonly Record<string, unknown>[]>>({
    tables: { [heads]: { key: ['id'] }, [lines]: { key: ['id'], identity: ['id', 'line'] } },
    toRows: ({ id, owner, balance, note, openedOn, seenAt, mark }) => ({
      [heads]: [{ id, owner, balance, opened_on: openedOn, seen_at: seenAt, mark }],
      [lines]: note === null ? [] : note.split('\n').map((text, line) => ({ id, line, text })),
    }),
    fromRows: ({ [heads]: found = [], [lines]: texts = [] }) => {
      const { id, owner, balance, opened_on: openedOn, seen_at: seenAt, mark } = found[0] ?? {};
      const inOrder = texts.toSorted((left, right) => Number(left.line) - Number(right.line));
      const note = texts.length === 0 ? null : inOrder.map(({ text }) => text).join('\n');
      return { id, owner, balance, note, openedOn, seenAt, mark } as Account;
    },
  });
}
