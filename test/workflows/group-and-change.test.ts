import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { account, newAccount } from '../support/accounts.ts';
import { bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { holdAt, type Step } from '../support/hold.ts';
import { drained, rowsOf, versionsOf } from '../support/inspect.ts';
import { codesOf } from '../support/outcomes.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('switch-reads');
});
afterAll(() => at?.[Symbol.asyncDispose]());

const accounts = () => at.lockstep.repository(account);

/** From legacy to modern, and back; where the call of the group stands still meanwhile. */
const steps: readonly (Step & { readonly turn: 'advance' | 'rollback' })[] = [
  { turn: 'advance', store: 'legacy', method: 'write', when: 'before' },
  { turn: 'advance', store: 'legacy', method: 'write', when: 'after' },
  { turn: 'advance', store: 'modern', method: 'write', when: 'before' },
  { turn: 'rollback', store: 'modern', method: 'write', when: 'before' },
  { turn: 'rollback', store: 'modern', method: 'write', when: 'after' },
];

beforeEach(async ({ task }) => {
  if (task.name.includes('rollback')) await bringTo(at.lockstep, 'switch-primary');
  else {
    await bringTo(at.lockstep, 'switch-reads');
    await at.lockstep.control.setReadPercent(100);
  }
});

test.each(steps)('a group amid $turn, $when a call of $store, is done once', async (step) => {
  const existing = [newAccount(), newAccount(), newAccount()] as const;
  const [replaced, updated, deleted] = existing;
  await Promise.all(existing.map((value) => accounts().create(value, { ack: 'both' })));
  const fresh = [newAccount(), newAccount(), newAccount(), newAccount()];

  const held = holdAt(at, { ...step, about: String(fresh[0]?.id) });
  const sent = Promise.allSettled([
    accounts().replace({ ...replaced, owner: 'replaced' }, { ack: 'both' }),
    accounts().update(updated.id, { owner: 'updated' }, { ack: 'both' }),
    accounts().delete(deleted.id, { ack: 'both' }),
    accounts().create({ ...updated }, { ack: 'both' }),
    ...fresh.map((value) => accounts().create(value, { ack: 'both' })),
  ]);
  await held.reached();
  const { primary } = await at.lockstep.control.send(step.turn);
  expect(primary).toBe(step.turn === 'advance' ? 'modern' : 'legacy');
  await held.release();

  const results = await sent;
  expect(codesOf(results)).toEqual(['done', 'done', 'done', 'AlreadyExists', ...fresh.map(() => 'done')]);
  await drained(at);
  const versions = results.map((one) => (one.status === 'fulfilled' ? one.value.version : null));
  // A second effect would have given the record another version than its caller was told.
  const ids = [...existing, null, ...fresh].map((value) => value?.id);
  for (const [index, id] of ids.entries()) {
    if (id === undefined) continue;
    expect(await versionsOf(at, account, id)).toEqual([versions[index], versions[index]]);
  }
  const ownersOf = async (id: number) => (await rowsOf(at, 'accounts', id)).map((row) => row?.owner);
  expect(await ownersOf(replaced.id)).toEqual(['replaced', 'replaced']);
  expect(await ownersOf(updated.id)).toEqual(['updated', 'updated']);
  expect(await rowsOf(at, 'accounts', deleted.id)).toEqual([null, null]);
  for (const { id, owner } of fresh) expect(await ownersOf(id)).toEqual([owner, owner]);
});
