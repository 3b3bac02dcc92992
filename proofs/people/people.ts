import { z } from 'zod';
import { type Entry, entity, entries } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { defineMigration, type MigrationOptions } from '../../model/migration.ts';
import { rows, table } from '../../model/shape.ts';

const personSchema = z.strictObject({
  id: z.int(),
  email: z.string(),
  name: z.string(),
  city: z.string().nullable(),
  balance: z.string(),
  visits: z.int(),
  seenAt: z.iso.datetime({ precision: 6 }),
  note: z.string().nullable(),
});

/** Eight columns, about 134 bytes a row: what bulk copies are measured by. */
export type Person = z.infer<typeof personSchema>;

/** What a live write puts in; `turn` tells it from others. */
export function personOf(id: number, turn: number): Person {
  return {
    id,
    email: `live.${turn}@example.org`,
    name: `live ${turn}`,
    city: null,
    balance: '1.00',
    visits: turn,
    seenAt: '2024-01-01T00:00:00.000000Z',
    note: null,
  };
}

/** As a column map on both sides, or as one row that becomes two by functions. */
const forms = ['map', 'functions'] as const;
export type Form = (typeof forms)[number];

/** How people lie in the stores, and how writes of them enter. */
export interface PeopleForm {
  readonly form: Form;
  readonly entry: Entry;
}

interface Flat {
  id: number;
  email: string;
  name: string;
  city: string | null;
  balance: string;
  visits: number;
  seen_at: string;
  note: string | null;
}

type PersonRow = Omit<Flat, 'balance' | 'visits'>;
type LedgerRow = Pick<Flat, 'balance' | 'visits'> & { person_id: number };

export function personIn(form: Form, entry: Entry = 'workflow') {
  return entity({
    name: 'person',
    entry,
    schema: personSchema,
    key: 'id',
    fields: { balance: field.decimal({ scale: 2 }) },
    ...(form === 'map'
      ? { legacy: inOneTable, modern: inOneTable }
      : { legacy: inOneTable, modern: inTwoTables }),
  });
}

const inOneTable = table('people', { seenAt: 'seen_at' });

const inTwoTables = rows<Person, { persons: PersonRow[]; ledgers: LedgerRow[] }>({
  tables: { persons: { key: ['id'] }, ledgers: { key: ['person_id'] } },
  toRows: ({ id, email, name, city, balance, visits, seenAt, note }) => ({
    persons: [{ id, email, name, city, seen_at: seenAt, note }],
    ledgers: [{ person_id: id, balance, visits }],
  }),
  fromRows: ({ persons: [person], ledgers: [ledger] }) => {
    if (!person || !ledger) throw new Error('a person has a ledger');
    const { id, email, name, city, seen_at: seenAt, note } = person;
    const { balance, visits } = ledger;
    return { id, email, name, city, balance, visits, seenAt, note };
  },
});

const common = 'email varchar(100) NOT NULL, name varchar(100) NOT NULL, city varchar(60)';
const utf8 = 'ENGINE = InnoDB DEFAULT CHARSET = utf8mb4';

export const peopleTables = {
  mysql: [
    `CREATE TABLE people (id int NOT NULL PRIMARY KEY, ${common}, balance decimal(12,2) NOT NULL, visits int NOT NULL, seen_at datetime(6) NOT NULL, note varchar(200)) ${utf8}`,
    `CREATE TABLE persons (id int NOT NULL PRIMARY KEY, ${common}, seen_at datetime(6) NOT NULL, note varchar(200)) ${utf8}`,
    `CREATE TABLE ledgers (person_id int NOT NULL PRIMARY KEY, balance decimal(12,2) NOT NULL, visits int NOT NULL) ${utf8}`,
  ],
  postgresql: [
    `CREATE TABLE people (id integer PRIMARY KEY, ${common}, balance numeric(12,2) NOT NULL, visits integer NOT NULL, seen_at timestamp NOT NULL, note varchar(200))`,
    `CREATE TABLE persons (id integer PRIMARY KEY, ${common}, seen_at timestamp NOT NULL, note varchar(200))`,
    'CREATE TABLE ledgers (person_id integer PRIMARY KEY, balance numeric(12,2) NOT NULL, visits integer NOT NULL)',
  ],
} as const;

/** What a proof or a bench passes to the workers that it starts. */
const variables = {
  name: 'LOCKSTEP_PEOPLE_MIGRATION',
  form: 'LOCKSTEP_PEOPLE_FORM',
  entry: 'LOCKSTEP_PEOPLE_ENTRY',
} as const;

export function peopleMigration(
  name: string,
  { form, entry }: PeopleForm,
  options: Partial<MigrationOptions> = {},
) {
  return defineMigration({
    name,
    entities: [personIn(form, entry)],
    deadline: '2035-01-31T00:00:00Z',
    ...options,
  });
}

export function peopleEnvironment(name: string, { form, entry }: PeopleForm): NodeJS.ProcessEnv {
  return { [variables.name]: name, [variables.form]: form, [variables.entry]: entry };
}

export function peopleMigrationFrom(environment: NodeJS.ProcessEnv) {
  const form = forms.find((known) => known === environment[variables.form]);
  const name = environment[variables.name];
  const entry = entries.find((known) => known === environment[variables.entry]);
  if (!name || !form || !entry) {
    throw new Error(`${Object.values(variables).join(', ')} say what to migrate`);
  }
  return peopleMigration(name, { form, entry });
}
