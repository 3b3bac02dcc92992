import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import type { Fence, WriteItem } from '../../databases/contract/write.ts';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { type DurableState, otherStore } from '../../model/phase.ts';
import { table } from '../../model/shape.ts';
import { account } from '../support/accounts.ts';
import {
  type fence,
  forEachEngineRole,
  migrationName,
  type Opened,
  writeOf,
  writeOne,
} from './engine-roles.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };
let epoch = 1;

/** As a later version of the configuration has it. */
const withoutEmail = entity({
  name: 'account',
  schema: z.strictObject({ id: z.int().positive(), owner: z.string(), balance: z.string() }),
  key: 'id',
  fields: { balance: field.decimal({ scale: 2 }) },
  legacy: table('accounts'),
  modern: table('accounts'),
});

forEachEngineRole('the fence', (at, { role }) => {
  let id = 0;
  beforeEach(async () => {
    epoch += 1;
    id += 1;
    await at().asPrimary(epoch);
  });
  const here = () => ({ migration: migrationName, epoch });

  test.each([
    ['an older epoch', -1],
    ['a newer epoch', 1],
  ])('keeps out %s', async (_, distance) => {
    const under = { migration: migrationName, epoch: epoch + distance };
    await expectFenced(at(), writeOf(account, { ...ada, id }), under, epoch);
  });

  test('keeps out a migration without state', async () => {
    await expectFenced(at(), writeOf(account, { ...ada, id }), { migration: 'other', epoch }, null);
  });

  test('keeps out whom the route has in the other role', async () => {
    await expectFenced(at(), writeOf(account, { ...ada, id }, { mode: 'secondary' }), here(), epoch);
    await expectFenced(at(), writeOf(account, { ...ada, id }, { mode: 'copy' }), here(), epoch);
    await at().asSecondary(epoch);
    await expectFenced(at(), writeOf(account, { ...ada, id }), here(), epoch);
  });

  test('closed keeps out decisions and copies, and lets followers finish', async () => {
    const { store } = at();
    const state = { migration: migrationName, epoch, open: false, readPercent: 0, writePercent: 0 };
    await store.writeState({
      ...state,
      changeNumber: at().nextChange(),
      phase: role === 'legacy' ? 'dual-write' : 'switch-primary',
    });
    const list = (given: Partial<WriteItem>) =>
      store.write(
        account,
        [1, 2].map((offset) => writeOf(account, { ...ada, id: id * 100 + offset }, given)),
        here(),
      );
    const fenced = { status: 'fenced', epoch };
    await expectFenced(at(), writeOf(account, { ...ada, id }), here(), epoch);
    expect(await list({})).toEqual([fenced, fenced]);
    await store.writeState({
      ...state,
      changeNumber: at().nextChange(),
      phase: otherStore(role) === 'legacy' ? 'dual-write' : 'switch-primary',
    });
    await expectFenced(at(), writeOf(account, { ...ada, id }, { mode: 'copy', version: '0' }), here(), epoch);
    expect(await list({ mode: 'copy', version: '0' })).toEqual([fenced, fenced]);
    expect(await list({ mode: 'secondary' })).toMatchObject([{ status: 'applied' }, { status: 'applied' }]);
    const followed = await writeOne(
      store,
      account,
      writeOf(account, { ...ada, id }, { mode: 'secondary' }),
      here(),
    );
    expect(followed.status).toBe('applied');
  });

  test('keeps out a whole list, and leaves nothing of it', async () => {
    const { store, control } = at();
    const items = [1, 2, 3].map((offset) => writeOf(account, { ...ada, id: id * 100 + offset }));
    const records = await control('records');
    const outcomes = await store.write(account, items, { ...here(), epoch: epoch - 1 });
    expect(outcomes).toEqual(items.map(() => ({ status: 'fenced', epoch })));
    const secondaryItems = items.map((item) => ({ ...item, mode: 'secondary' as const }));
    expect(await store.write(account, secondaryItems, here())).toEqual(
      items.map(() => ({ status: 'fenced', epoch })),
    );
    expect(await control('records')).toEqual(records);
  });

  test.each([
    ['write', 0, '1'],
    ['write of a newer version', 0, '900'],
    ['list', 2, '1'],
  ])(
    'raised while a %s is in flight waits for it, and holds the next one back',
    async (_, others, version) => {
      const { store, another } = at();
      const write = (owner: string, under: Fence) => {
        const ids = Array.from({ length: 1 + others }, (_unused, index) =>
          index === 0 ? id : id * 100 + index,
        );
        return store.write(
          account,
          ids.map((one) => writeOf(account, { ...ada, id: one, owner }, { version })),
          under,
        );
      };
      await writeOne(store, account, writeOf(account, { ...ada, id }), here());
      const blocker = await another();
      const watcher = await another();
      await blocker.rows(beginOf(at()));
      await blocker.rows(`SELECT id FROM accounts WHERE id = ${id} FOR UPDATE`);

      const events: string[] = [];
      const told = <T>(name: string, work: Promise<T>) => work.finally(() => events.push(name));
      const inFlight = told('write', write('Grace', here()));
      await watcher.waiting(1);
      const under = here();
      epoch += 1;
      const bumped = told('fence', at().asPrimary(epoch));
      await watcher.waiting(2);
      const late = told('late write', write('late', under));
      await watcher.waiting(3);
      expect(events).toEqual([]);
      await blocker.rows('COMMIT');

      const all = <T>(outcome: T) => Array.from({ length: 1 + others }, () => outcome);
      expect(await inFlight).toMatchObject(all({ status: 'applied' }));
      await bumped;
      expect(await late).toEqual(all({ status: 'fenced', epoch }));
      const fresh = await writeOne(store, account, writeOf(account, { ...ada, id, owner: 'new' }), here());
      expect(fresh).toMatchObject({ status: 'applied' });
    },
  );

  // A definition changes before the switch only.
  test.runIf(role === 'legacy')(
    'that is waited for leads a list to the definition that was prepared meanwhile',
    async () => {
      const { store, another, open } = at();
      const list = (owner: string) =>
        store.write(
          account,
          [1, 2].map((offset) => writeOf(account, { ...ada, id: id * 100 + offset, owner })),
          here(),
        );
      await list('Ada');
      const blocker = await another();
      const watcher = await another();
      await blocker.rows(beginOf(at()));
      await blocker.rows(`SELECT id FROM accounts WHERE id = ${id * 100 + 1} FOR UPDATE`);
      const inFlight = list('Grace');
      await watcher.waiting(1);
      const preparing = open({ entities: [withoutEmail] }).prepare();
      await watcher.waiting(2);
      const late = list('late').catch((error: unknown) => error);
      await watcher.waiting(3);
      await blocker.rows('COMMIT');
      expect(await inFlight).toMatchObject([{ status: 'applied' }, { status: 'applied' }]);
      await preparing;
      onTestFinished(() => open().prepare());
      expect(await late).toMatchObject({ code: 'DefinitionChanged' });
      expect(await at().sql('SELECT DISTINCT owner FROM accounts')).toEqual([{ owner: 'Grace' }]);
    },
  );

  test('is not lowered, and may be written twice', async () => {
    const { store } = at();
    const state = await stateOf(at());
    expect(state).toMatchObject({ epoch, open: true });
    await expect(at().asPrimary(epoch - 1)).rejects.toMatchObject({ code: 'Fenced' });
    await store.writeState(state);
    expect(await store.readState(migrationName)).toEqual(state);
  });

  test('of one epoch goes by the number of the change: a share that comes late stays out', async () => {
    const { store } = at();
    const before = await stateOf(at());
    const late = { ...before, changeNumber: at().nextChange(), readPercent: 100 };
    const now = { ...before, changeNumber: at().nextChange(), readPercent: 10 };
    await store.writeState(now);
    await expect(store.writeState(late)).rejects.toMatchObject({ code: 'Fenced' });
    await expect(store.writeState({ ...now, readPercent: 100 })).rejects.toMatchObject({ code: 'Fenced' });
    expect(await store.readState(migrationName)).toEqual(now);
  });

  test('that replaces a certain change is not written over another', async () => {
    const { store } = at();
    const before = await stateOf(at());
    const next = { ...before, changeNumber: at().nextChange() };
    await store.writeState(next, { replaces: before.changeNumber });
    const after = { ...before, changeNumber: at().nextChange() };
    const replacing = store.writeState(after, { replaces: before.changeNumber });
    await expect(replacing).rejects.toMatchObject({ code: 'Fenced' });
    expect(await store.readState(migrationName)).toEqual(next);
  });

  test('of a migration that nobody has started is not there', async () => {
    expect(await at().store.readState('nobody')).toBeNull();
  });

  test('written by several at once ends at the highest epoch', async () => {
    const { store } = at();
    const from = epoch;
    epoch += 8;
    const bumps = Array.from({ length: 8 }, (_, index) => at().asPrimary(from + index + 1));
    await Promise.allSettled(bumps);
    expect(await store.readState(migrationName)).toMatchObject({ epoch });
  });
});

async function expectFenced(
  { store, sql, control }: Opened,
  write: WriteItem,
  under: typeof fence,
  epochThere: number | null,
): Promise<void> {
  const look = async () => [
    await sql('SELECT * FROM accounts ORDER BY id'),
    await control('records'),
    await control('operations'),
  ];
  const before = await look();
  expect(await writeOne(store, account, write, under)).toEqual({ status: 'fenced', epoch: epochThere });
  expect(await look()).toEqual(before);
}

async function stateOf({ store }: Opened): Promise<DurableState> {
  const state = await store.readState(migrationName);
  if (!state) throw new Error('the store has no state');
  return state;
}

function beginOf({ engineRole }: Opened): string {
  return engineRole.engine === 'PostgreSQL' ? 'BEGIN' : 'START TRANSACTION';
}
