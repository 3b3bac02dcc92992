import { expect, test } from 'vitest';
import { isOvertakenRoute, newestOf, noteLeadingPhase } from '../../databases/contract/current-state.ts';
import { defineMigration } from '../../model/migration.ts';
import type { DurableState, Phase } from '../../model/phase.ts';
import { account } from '../support/accounts.ts';

function migrationOf(name: string) {
  return defineMigration({ name, entities: [account], deadline: '2100-01-01T00:00:00Z' });
}

function answer(phase: Phase, changeNumber: number): PromiseFulfilledResult<DurableState> {
  const value = { migration: 'm', phase, epoch: changeNumber, changeNumber, open: true } as const;
  return { status: 'fulfilled', value: { ...value, readPercent: 100, writePercent: 100 } };
}

const away = { status: 'rejected', reason: new Error('away') } as const;

test('a store that is alone is not believed to be the primary by a route that is over', () => {
  const migration = migrationOf('alone');
  expect(newestOf(migration, { legacy: answer('switch-reads', 4), modern: away })).toMatchObject({
    phase: 'switch-reads',
  });
  const both = { legacy: answer('switch-primary', 6), modern: answer('switch-primary', 6) };
  expect(newestOf(migration, both)).toMatchObject({ phase: 'switch-primary' });
  const restored = { legacy: answer('switch-reads', 4), modern: away };
  expect(() => newestOf(migration, restored)).toThrow(/set back/);
  // Another migration, or a process that has seen nothing, goes by what it is told.
  expect(newestOf(migrationOf('other'), restored)).toMatchObject({ phase: 'switch-reads' });
});

test('an older route of the same primary is gone by while the other store is away', () => {
  const migration = migrationOf('same-primary');
  newestOf(migration, { legacy: answer('dual-write', 3), modern: answer('backfill', 4) });
  expect(newestOf(migration, { legacy: answer('dual-write', 3), modern: away })).toMatchObject({
    phase: 'dual-write',
  });
});

test('what both stores say stands', () => {
  const migration = migrationOf('both-restored');
  const later = { legacy: answer('switch-primary', 6), modern: answer('switch-primary', 6) };
  newestOf(migration, later);
  const before = { legacy: answer('switch-reads', 4), modern: answer('switch-reads', 4) };
  expect(newestOf(migration, before)).toMatchObject({ phase: 'switch-reads' });
});

test('a process that has seen nothing goes by the phase that the workflow tells', () => {
  const migration = migrationOf('told');
  noteLeadingPhase(migration, 'switch-primary');
  const restored = { legacy: answer('switch-reads', 4), modern: away };
  expect(() => newestOf(migration, restored)).toThrow(/set back/);
  const [before, now] = [
    { epoch: 4, primary: 'legacy', secondary: 'modern' },
    { epoch: 6, primary: 'modern', secondary: 'legacy' },
  ] as const;
  expect(isOvertakenRoute(migration, before)).toBe(true);
  expect(isOvertakenRoute(migration, now)).toBe(false);
  expect(newestOf(migration, { legacy: away, modern: answer('switch-primary', 6) })).toMatchObject({
    phase: 'switch-primary',
  });
});

test('a route below the highest epoch that was seen is over, and one that is above it is not', () => {
  const migration = migrationOf('epochs');
  const route = (epoch: number) => ({ epoch, primary: 'legacy', secondary: 'modern' }) as const;
  expect(isOvertakenRoute(migration, route(1))).toBe(false);
  newestOf(migration, { legacy: answer('switch-reads', 4), modern: answer('switch-reads', 4) });
  expect([3, 4, 5].map((epoch) => isOvertakenRoute(migration, route(epoch)))).toEqual([true, false, false]);
});

test('a store that does not answer is not taken for one that was never prepared', () => {
  const nothing = { status: 'fulfilled', value: null } as const;
  expect(() => newestOf(migrationOf('unknown'), { legacy: nothing, modern: away })).toThrow('away');
  expect(() => newestOf(migrationOf('new'), { legacy: nothing, modern: nothing })).toThrow(
    'lockstep prepare',
  );
});
