import type { Client } from '@temporalio/client';
import type { OpenMigration } from '../../databases/contract/current-state.ts';
import { whyNotAlone } from '../../databases/contract/foreign-parts.ts';
import { setBackReason, setBackStores } from '../../databases/contract/set-back.ts';
import type { Store } from '../../databases/contract/store.ts';
import type { TriedRole } from '../../model/account-role.ts';
import { LockstepError } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import type { Migration } from '../../model/migration.ts';
import { migrationWorkflowId } from '../../workflows/messages.ts';
import { encryptionOf } from '../temporal/encryption-keys.ts';
import { assertKeyFits } from '../temporal/key-check.ts';
import { connectToOperate, failureOfTemporal } from '../temporal/operator-connection.ts';
import { toldOf } from '../temporal/told.ts';
import { assertAnswered, latestPoll } from './attended.ts';
import { missingSearchAttributes } from './prepare.ts';
import { withStores } from './with-stores.ts';

/** So long a worker may take to show that it is there. */
const answerWithinMs = 3_000;

/** One thing that `lockstep doctor` looked at. */
export interface CheckResult {
  readonly about: 'legacy' | 'modern' | 'temporal';
  readonly check: string;
  readonly ok: boolean;
  /** What was found, with the remedy where it will not do. */
  readonly found: string;
}

/**
 * Looks at everything that a migration depends on, and goes on behind what fails. Changes nothing.
 *
 * @param role whose rights the accounts of the connection strings must have; each is tried
 */
export function examine(
  migration: Migration,
  environment: NodeJS.ProcessEnv,
  role: TriedRole = 'worker',
): Promise<CheckResult[]> {
  // Beside a service, and in its transactions alone: it has nothing to do with what else there is.
  if (role === 'touch')
    return withStores(migration, environment, async ({ legacy, modern }) => [
      ...(await examineAccount(legacy, role)),
      ...(await examineAccount(modern, role)),
    ]);
  return withStores(migration, environment, async ({ legacy, modern }) => [
    ...(await examineStore(legacy, migration, role)),
    ...(await examineStore(modern, migration, role)),
    ...(await examineMarks({ migration, stores: { legacy, modern } })),
    ...(await examineTemporal(migration, environment)),
  ]);
}

/** What matters to an account that does nothing but what its role says. */
async function examineAccount(store: Store, role: TriedRole): Promise<CheckResult[]> {
  const reached = await examineReach(store);
  if (!reached.ok) return [reached];
  const rights = await examineRights(store, role);
  return [reached, ...(await examineSettings(store)), ...(rights ? [rights] : [])];
}

function examineReach(store: Store): Promise<CheckResult> {
  return attempted(store.name, 'reachable', async () => {
    await store.ping();
    return `${store.engine} at ${store.address}`;
  });
}

async function examineSettings(store: Store): Promise<CheckResult[]> {
  return (await store.settings()).map(({ name, value, problem }) => ({
    about: store.name,
    check: name,
    ok: problem === null,
    found: problem === null ? value : `${value}: ${problem}`,
  }));
}

async function examineStore(store: Store, migration: Migration, role: TriedRole): Promise<CheckResult[]> {
  const about = store.name;
  const reached = await examineReach(store);
  if (!reached.ok) return [reached];
  const settings = await examineSettings(store);
  const foreign = store.foreignParts();
  // Each of those that ask for them tells why they cannot be had.
  foreign.catch(() => undefined);
  const prepared = await attempted(about, 'prepared', async () => {
    await store.check();
    const { owners } = await foreign;
    const whose = owners.length === 0 ? '' : `; ${owners.join(', ')} made them, and this account trusts them`;
    return `control tables and write routines are as the definition says${whose}`;
  });
  const alone = await attempted(about, 'control tables', async () => {
    const reason = whyNotAlone(await foreign);
    if (reason === null) return 'nobody has added anything to them that this account sees';
    throw new LockstepError('StoreRefused', reason, { store: about });
  });
  const definable = await attempted(about, 'tables and entities', async () => {
    await store.assertDefinable();
    return 'are of this migration alone';
  });
  const capture = await attempted(about, 'capture', () => captureOf(store));
  const rights = await examineRights(store, role);
  // Without tables there is nothing to try them on.
  const tried = rights !== null && (prepared.ok || !rights.ok) ? [rights] : [];
  const looked = [
    reached,
    ...settings,
    prepared,
    alone,
    ...tried,
    definable,
    ...(prepared.ok ? [capture] : []),
  ];
  const entities = migration.entities.filter((entity) => entity.pattern === 'transactional');
  if (entities.length === 0) return looked;
  const transactions = await attempted(about, 'transactions over both stores', async () => {
    const unavailableReason = await store.preparedTransactionsUnavailableReason();
    if (unavailableReason === null)
      return `can be prepared, for ${entities.map(({ name }) => name).join(', ')}`;
    throw new LockstepError('NotPrepared', unavailableReason, { store: about });
  });
  return [...looked, transactions];
}

/** Null where the rights could not be tried; another check says why. */
async function examineRights(store: Store, role: TriedRole): Promise<CheckResult | null> {
  const missing = await store.missingRights(role).catch((error: unknown) => {
    if (error instanceof LockstepError) return null;
    throw error;
  });
  if (missing === null) return null;
  const lacks = `the account lacks ${missing.join('; ')}. lockstep prepare --grants prints the statements that give them`;
  return {
    about: store.name,
    check: `rights of a ${role}`,
    ok: missing.length === 0,
    found: missing.length === 0 ? 'each was tried' : lacks,
  };
}

/** Without triggers, whether there could be any; with triggers, whether the accounts as which they run let the application write. */
async function captureOf(store: Store): Promise<string> {
  if (!(await store.isCapturing())) {
    const reason = await store.captureUnavailableReason();
    return reason === null
      ? 'off; prepare --capture can turn it on'
      : `off; prepare --capture would fail: ${reason}`;
  }
  const accounts = await store.triggerAccounts();
  const wrong = accounts.filter(({ problem }) => problem !== null);
  if (wrong.length === 0) {
    const gap = await store.captureGap();
    return `triggers run as ${accounts.map(({ name }) => name).join(', ')}${gap === null ? '' : `. ${gap}`}`;
  }
  const problems = wrong.map(({ name, problem }) => `triggers run as ${name}, and ${problem}`).join('; ');
  throw new LockstepError(
    'StoreRefused',
    `${problems}; run lockstep prepare --capture as an account that stays, or lockstep prepare --no-capture`,
    { store: store.name },
  );
}

/** Nothing is said of stores that cannot be asked, or know nothing of the migration yet. */
async function examineMarks(open: OpenMigration): Promise<CheckResult[]> {
  try {
    const found = await setBackStores(open);
    return found.map((one) => ({
      about: one.store,
      check: 'not set back',
      ok: false,
      found: `${setBackReason(one)}; compare the stores with lockstep reconcile, then see docs/restore.md`,
    }));
  } catch (error) {
    if (error instanceof LockstepError) return [];
    throw error;
  }
}

async function examineTemporal(migration: Migration, environment: NodeJS.ProcessEnv): Promise<CheckResult[]> {
  let client: Client | undefined;
  try {
    const reached = await attempted('temporal', 'reachable', async () => {
      client = await connectToOperate(environment);
      return `namespace ${client.options.namespace}`;
    });
    if (!client) return [reached];
    const temporal = client;
    // Not every account may ask.
    const told = (ask: () => Promise<string>) =>
      ask().catch((error: unknown) => {
        const failure = failureOfTemporal(error, environment);
        if (failure) return `unknown: ${failure.message}`;
        throw error;
      });
    const encryption = await attempted('temporal', 'encryption', async () => {
      await assertKeyFits(temporal, migration.name, environment);
      const found = encryptionOf(environment);
      return found === null
        ? 'off: what Temporal keeps is plain'
        : `by key ${found.first.id}; what is plain is ${found.isRequired ? 'refused' : 'taken'}`;
    });
    const attributes = await attempted('temporal', 'search attributes', () =>
      told(async () => {
        const missing = await missingSearchAttributes(temporal);
        if (missing.length === 0) return 'are there';
        throw new LockstepError('NotPrepared', `${missing.join(', ')} are missing; run lockstep prepare`);
      }),
    );
    const worker = await attempted('temporal', 'worker', () => told(() => workerOf(temporal, migration)));
    return [reached, encryption, attributes, worker];
  } finally {
    await client?.connection.close();
  }
}

/**
 * Whether one is there. Temporal lists a worker for some minutes after it has ended, so one that runs must answer. Before the first start
 * there is nothing that it could answer for, and there need not be one.
 */
async function workerOf(temporal: Client, migration: Migration): Promise<string> {
  const { name, taskQueue } = migration;
  const lastSeconds = await latestPoll(temporal, taskQueue);
  const last =
    lastSeconds === null
      ? `none has asked for work on ${taskQueue} lately`
      : `the last one that asked for work on ${taskQueue} did so ${Math.max(0, Math.round(Date.now() / 1000 - lastSeconds))} s ago`;
  let silence: LockstepError | null = null;
  try {
    if (!(await assertAnswered({ temporal, migration, answerWithinMs })))
      return lastSeconds === null
        ? `${last}; nothing of ${name} goes on before lockstep worker runs`
        : `${last}; whether it runs still is not known, because before lockstep start there is nothing that it could answer for: see its log, or /ready of --health`;
  } catch (error) {
    if (!isLockstepError(error, 'NoWorker')) throw error;
    silence = error;
  }
  const workflow = await temporal.workflow.getHandle(migrationWorkflowId(name)).describe();
  const isElsewhere = workflow.taskQueue !== taskQueue;
  if (silence === null && !isElsewhere) return `answers for ${name}`;
  const { status } = workflow;
  if (status.name !== 'RUNNING') return `${last}; the workflow of ${name} is over (${status.name})`;
  const ended =
    lastSeconds === null ? '' : ', and has ended or hangs; its log says why, also where it refused to start';
  // Its workflow goes on where it was started; what a service of this configuration writes would wait elsewhere.
  const why = isElsewhere
    ? `${name} was started on the task queue ${workflow.taskQueue}, and this configuration names ${taskQueue}, where nobody would do what it asks for; name ${workflow.taskQueue} in it; ${last}`
    : `${last}${ended}`;
  throw new LockstepError('NoWorker', silence ? `${silence.message}; ${why}` : why, silence?.details);
}

async function attempted(
  about: CheckResult['about'],
  check: string,
  attempt: () => Promise<string>,
): Promise<CheckResult> {
  try {
    return { about, check, ok: true, found: await attempt() };
  } catch (error) {
    return { about, check, ok: false, found: toldOf(error) };
  }
}
