import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { defineMigration, type Migration } from '../../model/migration.ts';
import { table } from '../../model/shape.ts';
import { quick } from '../../test/support/policy.ts';
import type { Canaries } from './canary.ts';

const personSchema = z.strictObject({
  id: z.string().min(1).max(60),
  name: z.string(),
  email: z.string(),
  document: z.record(z.string(), z.unknown()),
  photo: z.instanceof(Uint8Array),
  balance: z.string(),
});

export type Person = z.infer<typeof personSchema>;

export const person = entity({
  name: 'person',
  schema: personSchema,
  key: 'id',
  fields: { document: field.json(), photo: field.bytes(), balance: field.decimal({ scale: 2 }) },
  legacy: table('people'),
  modern: table('people'),
});

/** The modern store takes none of it. */
export const refusedByModern = '5000.00';

/** A person in whom everything is a canary. */
export function personOf(canaries: Canaries, number: number, given: Partial<Person> = {}): Person {
  return {
    id: `${canaries.key}-${number}`,
    name: `${canaries.row} ${number}`,
    email: `${number}.${canaries.row}@example.org`,
    document: { [canaries['json-key']]: { within: canaries.row } },
    photo: new TextEncoder().encode(`${number} ${canaries.row}`),
    balance: '1.00',
    ...given,
  };
}

export const nameVariable = 'LOCKSTEP_CANARIES_MIGRATION';

export function canariesMigration(name: string): Migration {
  return defineMigration({
    name,
    entities: [person],
    deadline: '2035-01-31T00:00:00Z',
    ...quick({ write: { callerTimeoutMs: 30_000 }, reads: { shadowShare: 1 } }),
    legacy: { connectTimeoutMs: 2_000 },
    modern: { connectTimeoutMs: 2_000 },
  });
}
