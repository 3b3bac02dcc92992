import { mkdirSync, writeFileSync } from 'node:fs';
import type { TransactionScope } from '../client/service/transaction-writer.ts';
import { up } from '../deploy/dev/servers.ts';
import {
  backfillWorkflowId,
  journalPruneWorkflowId,
  journalRetryWorkflowId,
  migrationWorkflowId,
  reconciliationWorkflowId,
  recoveryWorkflowId,
  replicateCapturedWorkflowId,
  replicateOwedWorkflowId,
  resolveParkedWorkflowId,
  transactionWorkflowId,
  validationWorkflowId,
  writeGroupWorkflowId,
  writeWorkflowId,
} from '../workflows/messages.ts';
import {
  type Account,
  account,
  bound,
  ledger,
  newAccount,
  refusedByLegacy,
  refusedByModern,
  twin,
} from './support/accounts.ts';
import { advanceTo } from './support/advance.ts';
import { runMigrationOn } from './support/fixture.ts';
import { transactionalFixture } from './support/transactions.ts';
import { until } from './support/until.ts';

/**
 * Records the histories that test/unit/replay.test.ts replays. Run it by hand, and only when released workflows are
 * given up: `node test/record-histories.ts`. Some kinds stay as they are. Those that are called `…-asked-again` were left by a demo on a
 * busy machine, where a caller asked again in the middle of a task. Those that are called `…-in-two` are of workers that had an activity
 * for each store. `…-told-once` is of a retry that did not look whether a workflow which it had told waits again.
 */
const folder = new URL('./histories/', import.meta.url);
const servers = await up({ report: (line) => process.stderr.write(`${line}\n`) });
await using at = await runMigrationOn(servers, 'legacy-only', { backfill: { chunkKeys: 5 } });
const { control } = at.lockstep;
const { name } = at.migration;
for (let id = 1; id <= 30; id++)
  await at.sql.legacy(`INSERT INTO accounts VALUES (${id}, 'old ${id}', NULL, 5.00)`);
await advanceTo(at.lockstep, 'dual-write');

const accounts = at.lockstep.repository(account);
const { operationId: plain } = await accounts.create(newAccount());
await at.proxies.modern.cut();
const { operationId: late } = await accounts.create(newAccount());
await at.proxies.modern.restore();

const compensated = 'compensated';
await at.lockstep
  .repository(twin)
  .create(newAccount({ balance: refusedByModern }), { operationId: compensated })
  .catch(() => undefined);

const withdrawn = 'withdrawn';
await at.lockstep
  .repository(twin)
  .create(newAccount({ balance: refusedByLegacy }), { operationId: withdrawn })
  .catch(() => undefined);

const { operationId: parked } = await accounts.create(newAccount({ balance: refusedByModern }));
for (const resolution of ['retry', 'compensate'] as const) {
  await until('the write is parked', async () => (await control.writeStatus(parked)).stage === 'parked');
  await control.resolve(parked, resolution);
}
for (const id of [plain, late, parked]) {
  await at.temporal.workflow
    .getHandle(writeWorkflowId(name, id))
    .result()
    .catch(() => undefined);
}

const taken = newAccount();
await accounts.create(taken);
await at.proxies.modern.cut();
await Promise.allSettled(
  [
    newAccount(),
    taken,
    newAccount({ balance: refusedByModern }),
    newAccount({ balance: refusedByLegacy }),
  ].map((value, index) => accounts.create(value, { operationId: `grouped-${index}` })),
);
await at.proxies.modern.restore();
const apart = 'grouped-2';
await until(
  'the write of the group is parked',
  async () => (await control.writeStatus(apart).catch(() => null))?.stage === 'parked',
);
await control.resolve(apart, 'compensate');
const group = await until('the group is listed', async () => {
  const query = `LockstepMigration = '${name}' AND WorkflowType = 'writeGroup' AND ExecutionStatus = 'Completed'`;
  for await (const { workflowId } of at.temporal.workflow.list({ query })) return workflowId;
  return null;
});
const saved = 'saved';
const saveOf = (entity: string, operationId: string) =>
  ({ entity, kind: 'create', value: newAccount(), operationId }) as const;
const saveOptions = { workflowId: writeWorkflowId(name, saved), taskQueue: at.migration.taskQueue };
await at.temporal.workflow.execute('save', { ...saveOptions, args: [saveOf('account', saved)] });
const savedMany = writeGroupWorkflowId(name, saved);
await at.temporal.workflow.execute('saveMany', {
  ...saveOptions,
  workflowId: savedMany,
  args: [{ items: [saveOf('account', 'many-1'), saveOf('nothing', 'many-2')], ack: 'both' }],
});
const { operationId: orphan } = await accounts.create(newAccount({ balance: refusedByModern }));
await until('the write is parked', async () => (await control.writeStatus(orphan)).stage === 'parked');
await at.temporal.workflow.getHandle(writeWorkflowId(name, orphan)).terminate('lost');
await control.resolve(orphan, 'compensate');

await advanceTo(at.lockstep, 'validate');
await until('there is evidence', async () => (await control.status()).evidence);
await control.startValidation({ sample: null, seed: 1 });
await at.sql.modern('DELETE FROM accounts WHERE id IN (3, 4)');
await at.lockstep.reconciliation.run({ repair: true });
await at.stores.legacy.capture(account, true);
await at.sql.legacy(`UPDATE accounts SET owner = 'around' WHERE id = 5`);
const scheduled = {
  replicateCaptured: replicateCapturedWorkflowId(name),
  pruneJournal: journalPruneWorkflowId(name),
  retryFailedOperations: journalRetryWorkflowId(name),
  replicateOwed: replicateOwedWorkflowId(name),
};
const retry = { migration: name, parked: true, olderThanMs: 0, ids: null, carried: null };
const argumentsOf: Readonly<Record<string, unknown[]>> = {
  retryFailedOperations: [retry],
  replicateOwed: [{ completed: 0, failed: 0 }],
};
for (const [type, workflowId] of Object.entries(scheduled)) {
  const args = argumentsOf[type] ?? [];
  await at.temporal.workflow.execute(type, { workflowId, taskQueue: at.migration.taskQueue, args });
}
await at.stores.legacy.capture(account, false);
await advanceTo(at.lockstep, 'switch-primary');
await control.send('rollback');
await advanceTo(at.lockstep, 'decommissioned');
await at.temporal.workflow.getHandle(migrationWorkflowId(name)).result();

await using together = await runMigrationOn(servers, 'dual-write', transactionalFixture);
const { name: boundName } = together.migration;
const items =
  (given: Partial<Account> = {}) =>
  (tx: TransactionScope) => [tx(bound).create(newAccount()), tx(ledger).create(newAccount(given))];
const { operationId: committed } = await together.lockstep.transaction(items());
const refused = 'refused';
await together.lockstep
  .transaction(items({ balance: refusedByModern }), { operationId: refused })
  .catch(() => undefined);
await together.proxies.modern.cut();
const held = together.lockstep.transaction(items());
await new Promise((resolve) => setTimeout(resolve, 2_000));
await together.proxies.modern.restore();
const { operationId: delayed } = await held;
const savedBound = writeWorkflowId(boundName, saved);
await together.temporal.workflow.execute('save', {
  workflowId: savedBound,
  taskQueue: together.migration.taskQueue,
  args: [saveOf('bound', saved)],
});
const recovery = recoveryWorkflowId(boundName);
await together.temporal.workflow.execute('recoverTransactions', {
  workflowId: recovery,
  taskQueue: together.migration.taskQueue,
});

mkdirSync(folder, { recursive: true });
for (const [file, workflowId] of Object.entries({
  'write-plain': writeWorkflowId(name, plain),
  'write-late': writeWorkflowId(name, late),
  'write-compensated': writeWorkflowId(name, compensated),
  'write-withdrawn': writeWorkflowId(name, withdrawn),
  'write-parked': writeWorkflowId(name, parked),
  'write-group': group,
  save: saveOptions.workflowId,
  'save-many': savedMany,
  'save-transaction': savedBound,
  backfill: backfillWorkflowId(name),
  validate: validationWorkflowId(name),
  migration: migrationWorkflowId(name),
  reconcile: reconciliationWorkflowId(name),
  'replicate-captured': scheduled.replicateCaptured,
  'prune-journal': scheduled.pruneJournal,
  'retry-failed-operations': scheduled.retryFailedOperations,
  'replicate-owed': scheduled.replicateOwed,
  'resolve-parked': resolveParkedWorkflowId(name, orphan),
  'transaction-committed': transactionWorkflowId(boundName, committed),
  'transaction-refused': transactionWorkflowId(boundName, refused),
  'transaction-delayed': transactionWorkflowId(boundName, delayed),
  recovery,
})) {
  const history = await at.temporal.workflow.getHandle(workflowId).fetchHistory();
  writeFileSync(new URL(`${file}.json`, folder), `${JSON.stringify(asJson(history), null, 1)}\n`);
}

/**
 * A message as JSON that the replayer takes as it is: numbers for enums and 64-bit integers, base64 for bytes. Where it was
 * recorded is left out.
 */
function asJson(value: unknown): unknown {
  if (typeof value === 'string') return value.replace(/^\d+@.*$/, 'recorder');
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if ('toNumber' in value && typeof value.toNumber === 'function') return value.toNumber();
  if (Array.isArray(value)) return value.map(asJson);
  const members = Object.entries(value).map(([name, member]) => {
    return [name, name === 'stackTrace' ? '' : asJson(member)];
  });
  return Object.fromEntries(members);
}
