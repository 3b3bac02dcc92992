import { expect, test } from 'vitest';
import type { JournalEntry } from '../../databases/contract/journal.ts';
import type { Store } from '../../databases/contract/store.ts';
import type { TransactionDecision } from '../../model/transaction.ts';
import { account } from '../support/accounts.ts';
import {
  forEachEngineRole,
  migrationName,
  type Opened,
  operationId,
  writeOf,
  writeOne,
} from './engine-roles.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };
const before = { id: '1', owner: 'before', email: null, balance: '1.00' };
const day = 24 * 3_600_000;

async function entryOf(store: Store, id: string): Promise<JournalEntry> {
  const [entry] = await store.journal({ migration: migrationName, ids: [id], limit: 1 });
  if (!entry) throw new Error(`the journal does not know ${id}`);
  return entry;
}

/** A write of a key of its own, as the journal has it after the primary took it. */
async function written(store: Store, id: number, status: 'pending' | 'completed' = 'pending') {
  const write = writeOf(account, { ...ada, id }, { status, before });
  await writeOne(store, account, write);
  return write.operationId ?? '';
}

forEachEngineRole('the journal', (at) => {
  test('counts the tries of the other store, and keeps the failure of the last', async () => {
    const { store } = at();
    const id = await written(store, 10);
    expect(await entryOf(store, id)).toMatchObject({ status: 'pending', attempts: 0, failure: null });
    await store.recordAttempt([id], 'StoreUnavailable', 'away');
    await store.recordAttempt([id], 'UniqueConflict', 'taken');
    const tried = await entryOf(store, id);
    expect(tried).toMatchObject({
      attempts: 2,
      failure: 'UniqueConflict',
      reason: 'taken',
      before: { image: before },
    });
    expect(tried.updatedAtMs).toBeGreaterThanOrEqual(tried.createdAtMs);
    await store.setOperationStatus([id], 'completed');
    expect(await entryOf(store, id)).toMatchObject({
      status: 'completed',
      attempts: 3,
      failure: 'UniqueConflict',
      before: null,
    });
  });

  test('completes what is pending, and nothing whose undo may have begun', async () => {
    const { store } = at();
    const [owed, parked, undoing] = [
      await written(store, 20),
      await written(store, 21),
      await written(store, 22),
    ];
    await store.park(parked, { failure: 'StoreRefused', reason: 'a person decides' });
    const refusal = { code: 'StoreRefused', message: 'the other store refused it', store: 'modern' } as const;
    await store.noteRefusal(undoing, refusal);
    await store.completePending([owed, parked, undoing]);
    expect(await entryOf(store, owed)).toMatchObject({ status: 'completed', attempts: 1, before: null });
    expect(await entryOf(store, parked)).toMatchObject({ status: 'parked', attempts: 0 });
    expect(await entryOf(store, undoing)).toMatchObject({ status: 'pending', attempts: 0, refusal });
  });

  test('knows which operations a newer one has overtaken', async () => {
    const { store } = at();
    const [overtaken, newest] = [await written(store, 15), await written(store, 16)];
    const later = writeOf(account, { ...ada, id: 15 }, { status: 'pending' });
    await writeOne(store, account, later);
    const filter = { migration: migrationName, ids: [overtaken, newest, later.operationId ?? ''] };
    const found = await store.journal({ ...filter, overtaken: true, limit: 10 });
    expect(found.map(({ id }) => id)).toEqual([overtaken]);
  });

  test('is not changed by what comes late about an operation that is finished', async () => {
    const { store } = at();
    const id = await written(store, 11);
    await store.setOperationStatus([id], 'completed');
    const drained = await entryOf(store, id);
    await store.recordAttempt([id], 'StoreUnavailable', 'late');
    await store.park(id, { failure: 'StoreRefused', reason: 'late' });
    await store.setOperationStatus([id], 'discarded', 'late');
    expect(await entryOf(store, id)).toEqual(drained);
  });

  test('parks with failure and reason, and an operation that took effect only where it could not be undone', async () => {
    const { store } = at();
    const backlog = await written(store, 12);
    await store.park(backlog, { failure: 'StoreRefused', reason: 'a check' });
    expect(await entryOf(store, backlog)).toMatchObject({
      status: 'parked',
      failure: 'StoreRefused',
      reason: 'a check',
      before: { image: before },
    });
    const done = await written(store, 13, 'completed');
    await store.park(done, { failure: 'CompensationFailed', reason: 'both', undoing: true });
    expect(await entryOf(store, done)).toMatchObject({ status: 'parked', failure: 'CompensationFailed' });
    await store.setOperationStatus([backlog, done], 'discarded', 'a person said so');
  });

  test('tells a refusal by the primary with its failure', async () => {
    const { store } = at();
    const write = writeOf(account, { ...ada, id: 14 }, { kind: 'update' });
    await writeOne(store, account, write);
    expect(await entryOf(store, write.operationId ?? '')).toMatchObject({
      status: 'failed',
      failure: 'NotFound',
    });
  });

  test('is read in pages, oldest first, without skipping or repeating', async () => {
    const { store } = at();
    const migration = migrationName;
    const ids: string[] = [];
    for (let id = 20; id < 27; id++) ids.push(await written(store, id));
    // The same moment for several of them: the id decides.
    await setTimes(at(), ids.slice(2, 6), 0, 0);
    const seen: string[] = [];
    let after = null;
    for (;;) {
      const page: JournalEntry[] = await store.journal({ migration, statuses: ['pending'], after, limit: 2 });
      const last = page.at(-1);
      if (!last) break;
      seen.push(...page.map((entry) => entry.id));
      after = { createdAtMs: last.createdAtMs, id: last.id };
    }
    expect(seen.toSorted()).toEqual(ids.toSorted());
    const newest = await store.journal({ migration, statuses: ['pending'], newestFirst: true, limit: 1 });
    const oldest = await store.journal({ migration, statuses: ['pending'], limit: 1 });
    expect(newest[0]?.createdAtMs).toBeGreaterThanOrEqual(oldest[0]?.createdAtMs ?? 0);
    await store.setOperationStatus(ids, 'completed');
  });

  test('leaves out what is younger than asked', async () => {
    const { store } = at();
    const [old, young] = [await written(store, 30), await written(store, 31)];
    await setTimes(at(), [old], day, day);
    const found = await store.journal({
      migration: migrationName,
      ids: [old, young],
      olderThanMs: day / 2,
      limit: 9,
    });
    expect(found.map(({ id }) => id)).toEqual([old]);
    expect(await store.journalBacklog(migrationName)).toMatchObject({
      pending: 2,
      parked: 0,
      oldestParkedMs: null,
    });
    const { oldestPendingMs, oldestMs } = await store.journalBacklog(migrationName);
    expect(oldestPendingMs).toBeGreaterThanOrEqual(day);
    expect(oldestMs).toBe(oldestPendingMs);
    await store.setOperationStatus([old, young], 'completed');
  });
});

forEachEngineRole('pruning', (at) => {
  test('takes what was finished long ago, in steps, and nothing that is pending, parked, discarded or young', async () => {
    const { store, control } = at();
    const gone: string[] = [];
    for (let id = 40; id < 44; id++) gone.push(await written(store, id, 'completed'));
    const aborted = operationId();
    await store.abort({ id: aborted, entity: 'account', key: ['44'], kind: 'create' }, migrationName);
    const refused = writeOf(account, { ...ada, id: 45 }, { kind: 'update' });
    await writeOne(store, account, refused);
    const compensated = await written(store, 46);
    await store.setOperationStatus([compensated], 'compensated');
    gone.push(aborted, refused.operationId ?? '', compensated);

    const pending = await written(store, 47);
    const parked = await written(store, 48);
    await store.park(parked, { failure: 'StoreRefused', reason: 'a check' });
    const discarded = await written(store, 49);
    await store.setOperationStatus([discarded], 'discarded');
    const justSettled = await written(store, 50);
    const young = await written(store, 51, 'completed');
    await setTimes(at(), [...gone, pending, parked, discarded], 2 * day, 2 * day);
    await setTimes(at(), [justSettled], 2 * day, 0);
    await store.setOperationStatus([justSettled], 'completed');
    const records = await control('records');

    expect(await store.prune('another', { olderThanMs: day, limit: 100 })).toBe(0);
    const steps: number[] = [];
    for (;;) {
      const removed = await store.prune(migrationName, { olderThanMs: day, limit: 3 });
      steps.push(removed);
      if (removed === 0) break;
    }
    expect(steps).toEqual([3, 3, 1, 0]);
    const left = await store.journal({ migration: migrationName, limit: 100 });
    expect(left.map(({ id }) => id).toSorted()).toEqual(
      [pending, parked, discarded, justSettled, young].toSorted(),
    );
    expect(await control('records')).toEqual(records);
  });

  test('takes decided transactions, in steps, and none that is undecided, young, or that has a branch', async () => {
    const { store } = at();
    const [attempt, abort] = ['aaaaaaaa', { decision: 'abort', code: 'StoreRefused', reason: 'no' } as const];
    const commit = { decision: 'commit', attempt, versions: ['1'] } as const;
    const opened = async (id: string, verdict: TransactionDecision | null) => {
      await store.openTransaction({ operationId: id, entity: 'account', key: ['1'] }, attempt, migrationName);
      if (verdict) await store.decide(migrationName, id, verdict);
      return id;
    };
    const gone = [await opened('t1', commit), await opened('t2', abort), await opened('t3', commit)];
    const undecided = await opened('t4', null);
    const listed = await opened('t5', commit);
    const justDecided = await opened('t6', null);
    await setDecided(at(), [...gone, undecided, listed, justDecided], 2 * day);
    await store.decide(migrationName, justDecided, commit);
    const young = await opened('t7', abort);

    const limits = { olderThanMs: day, limit: 2, except: [listed] };
    expect(await store.pruneDecisions('another', limits)).toBe(0);
    expect(await store.pruneDecisions(migrationName, limits)).toBe(2);
    expect(await store.pruneDecisions(migrationName, limits)).toBe(1);
    expect(await store.pruneDecisions(migrationName, limits)).toBe(0);
    for (const id of gone) expect(await store.decision(migrationName, id)).toBeNull();
    for (const id of [undecided, listed, justDecided, young]) {
      expect(await store.decision(migrationName, id)).not.toBeNull();
    }
    expect(await store.pruneDecisions(migrationName, { ...limits, except: [] })).toBe(1);
    expect(await store.decision(migrationName, listed)).toBeNull();
  });

  test('keeps a tombstone, so that a late write of the key still does not come back', async () => {
    const { store, sql } = at();
    await written(store, 60, 'completed');
    const removal = writeOf(account, { ...ada, id: 60 }, { kind: 'delete', image: null, sharedVersions: [] });
    await writeOne(store, account, removal);
    const { version } = await entryOf(store, removal.operationId ?? '');
    await setTimes(at(), [removal.operationId ?? ''], 2 * day, 2 * day);
    await store.prune(migrationName, { olderThanMs: day, limit: 100 });
    expect(
      await store.journal({ migration: migrationName, ids: [removal.operationId ?? ''], limit: 1 }),
    ).toEqual([]);
    await at().asSecondary();
    const late = writeOf(account, { ...ada, id: 60 }, { mode: 'secondary', operationId: null, version: '1' });
    expect(await writeOne(store, account, late)).toEqual({ status: 'superseded', version });
    expect(await sql('SELECT id FROM accounts WHERE id = 60')).toEqual([]);
    await at().asPrimary();
  });
});

/** Puts entries into the past. */
async function setTimes(
  at: Opened,
  ids: readonly string[],
  createdMs: number,
  updatedMs: number,
): Promise<void> {
  const times = `created_at = ${ago(at, createdMs)}, updated_at = ${ago(at, updatedMs)}`;
  await at.sql(`UPDATE ${control(at, 'operations')} SET ${times} WHERE id IN (${listOf(ids)})`);
}

/** Puts transactions into the past. */
async function setDecided(at: Opened, ids: readonly string[], ms: number): Promise<void> {
  const then = ago(at, ms);
  const times = `began_at = ${then}, decided_at = CASE WHEN decided_at IS NULL THEN NULL ELSE ${then} END`;
  await at.sql(`UPDATE ${control(at, 'decisions')} SET ${times} WHERE id IN (${listOf(ids)})`);
}

function ago({ engineRole }: Opened, ms: number): string {
  return engineRole.engine === 'PostgreSQL'
    ? `date_trunc('second', now()) - interval '${ms} milliseconds'`
    : `CURRENT_TIMESTAMP - INTERVAL ${ms} * 1000 MICROSECOND`;
}

function control({ engineRole }: Opened, table: string): string {
  return `${engineRole.engine === 'PostgreSQL' ? 'lockstep.' : 'lockstep_'}${table}`;
}

function listOf(ids: readonly string[]): string {
  return ids.map((id) => `'${id}'`).join(', ');
}
