import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { StoreName } from '../../model/failure.ts';
import { descriptionOf, messageTable } from '../../model/inputs/messages.ts';
import { waitingWorkflows } from '../../proofs/hostile/waiting.ts';
import { inputSchemas } from '../../workflows/inputs.ts';
import { migrationWorkflowId, reconciliationWorkflowId } from '../../workflows/messages.ts';
import { account, bound, createAccounts, newAccount } from '../support/accounts.ts';
import { bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { until } from '../support/until.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('legacy-only');
});
beforeEach(() => bringTo(at.lockstep, 'dual-write'));
afterAll(() => at?.[Symbol.asyncDispose]());

const handle = () => at.temporal.workflow.getHandle(migrationWorkflowId(at.migration.name));
const status = () => at.lockstep.control.status();

interface Definition {
  readonly name?: string;
  readonly description?: string;
}

interface Metadata {
  readonly currentDetails?: string;
  readonly definition?: Readonly<
    Partial<Record<'queryDefinitions' | 'signalDefinitions' | 'updateDefinitions', readonly Definition[]>>
  >;
}

const metadataOf = (workflowId: string) =>
  at.temporal.workflow.getHandle(workflowId).query<Metadata>('__temporal_workflow_metadata');

/** What a workflow says that it takes is what `docs/temporal.md` is written from. */
async function assertMessages(type: string, workflowId: string): Promise<void> {
  const { definition = {} } = await metadataOf(workflowId);
  const told = {
    query: 'queryDefinitions',
    signal: 'signalDefinitions',
    update: 'updateDefinitions',
  } as const;
  for (const [kind, list] of Object.entries(told)) {
    const shown = (definition[list] ?? []).flatMap(({ name = '', description }) =>
      name.startsWith('__') ? [] : [{ name, description }],
    );
    const expected = Object.entries(messageTable[type] ?? {}).flatMap(([name, { kinds }]) =>
      kinds.some((one) => one === kind) ? [{ name, description: descriptionOf(type, name) }] : [],
    );
    const sorted = (list: typeof expected) => list.toSorted((a, b) => a.name.localeCompare(b.name));
    expect({ type, kind, messages: sorted(shown as typeof expected) }).toEqual({
      type,
      kind,
      messages: sorted(expected),
    });
  }
}

test('one filter lists all that belongs to a migration, each with a summary and its messages', async () => {
  const { name } = at.migration;
  await at.lockstep.repository(account).create(newAccount(), { ack: 'both' });
  await bringTo(at.lockstep, 'switch-reads');
  await at.lockstep.reconciliation.run();
  await at.lockstep.journal.retry({ parked: false, olderThanMs: 0, ids: null });
  const query = `LockstepMigration = '${name}'`;
  const wanted = ['backfill', 'migration', 'reconcile', 'retryFailedOperations', 'validate', 'write'];
  const listed = await until('all are listed', async () => {
    const found = new Map<string, string>();
    for await (const { type, workflowId } of at.temporal.workflow.list({ query }))
      found.set(type, workflowId);
    return wanted.every((type) => found.has(type)) && found;
  });
  for (const [type, workflowId] of listed) {
    const described = await at.temporal.workflow.getHandle(workflowId).describe();
    expect({ type, summary: await described.staticSummary() }).toEqual({ type, summary: expect.any(String) });
    await assertMessages(type, workflowId);
  }
  await at.lockstep.reconciliation.schedule(3_600_000);
  await until('a schedule is listed', async () => {
    for await (const { scheduleId } of at.temporal.schedule.list({ query }))
      if (scheduleId === reconciliationWorkflowId(name)) return true;
    return false;
  });
  await at.lockstep.reconciliation.unschedule();
});

test('the details of a migration say what the next gate waits for, and what to send', async () => {
  const details = async () => (await metadataOf(migrationWorkflowId(at.migration.name))).currentDetails ?? '';
  expect(await details()).toMatch(
    /\*\*Next\*\*: backfill\. Nothing that is known here holds its gate, .*every key is written to both.* Then send `advance`/,
  );
  await bringTo(at.lockstep, 'switch-reads');
  await at.lockstep.control.setReadPercent(10);
  expect(await details()).toMatch(/\*\*Next\*\*: switch-primary\. Its gate holds: .*lockstep reads 100/);
});

test('what an update does, a signal of the same name does too', async () => {
  const signalled = (name: string, ...args: unknown[]) => handle().signal(name, ...args);
  await signalled('setRate', 50);
  await until('the rate is set', async () => (await status()).rate === 50);
  await signalled('setDeadline', '2099-01-01T00:00:00Z');
  await until('the deadline is moved', async () => (await status()).deadline.startsWith('2099'));
  await signalled('rollback', { by: 'Ada', reason: 'a test' });
  await until('it has rolled back', async () => (await status()).phase === 'legacy-only');
  await signalled('advance', { notBefore: '2099-01-01T00:00:00Z' });
  await until('the step is planned', async () => (await status()).planned?.step === 'advance');
  await signalled('cancel', { by: 'Ada' });
  await until('the plan is cancelled', async () => (await status()).planned === null);
  await signalled('advance');
  await until('it has advanced', async () => (await status()).phase === 'dual-write');
});

test('a signal that is refused says why in the status, and changes nothing', async () => {
  const { readPercent } = await status();
  await handle().signal('setReadPercent', 50);
  const refused = await until('it is told', async () => {
    const now = await status();
    return now.lastFailure?.startsWith('setReadPercent by signal') && now;
  });
  expect(refused.lastFailure).toContain('reads are shared only in switch-reads');
  expect(refused).toMatchObject({ phase: 'dual-write', readPercent });
});

test('each type of workflow takes, while it runs, the messages that the page names', async () => {
  const tables = (store: StoreName) => ['accounts', 'bound'].map((table) => createAccounts(table, store));
  await using other = await runningMigration('dual-write', {
    entities: [account, bound],
    tables: { legacy: tables('legacy'), modern: tables('modern') },
  });
  const state = await other.stores.legacy.readState(other.migration.name);
  if (!state) throw new TypeError('the migration has no state');
  const met = new Set<string>();
  for (const wait of waitingWorkflows(other, state)) {
    const { type, workflowId, end } = await wait();
    met.add(type);
    await assertMessages(type, workflowId);
    expect({ type, ended: await end() }).toEqual({ type, ended: true });
  }
  expect([...met].sort()).toEqual(Object.keys(inputSchemas).sort());
});
