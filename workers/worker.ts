import { Client } from '@temporalio/client';
import { NativeConnection, Runtime } from '@temporalio/worker';
import { createGauges } from '../activities/gauges.ts';
import { type Activities, type ActivityContext, createActivities } from '../activities/index.ts';
import { activityInterceptors } from '../activities/interceptors.ts';
import { removeSchedules } from '../client/operator/schedules.ts';
import { neededStoreFailures } from '../client/stores-fit.ts';
import { notConnected, temporalPlace, temporalUnavailable } from '../client/temporal/connection.ts';
import { createDataConverter } from '../client/temporal/encryption.ts';
import { encryptionOf } from '../client/temporal/encryption-keys.ts';
import { reasonOf } from '../client/temporal/failures.ts';
import { assertKeyFits } from '../client/temporal/key-check.ts';
import { KeyPatience } from '../client/temporal/key-patience.ts';
import { leadingPhase } from '../client/temporal/leading-phase.ts';
import { assertNamespace } from '../client/temporal/namespace.ts';
import { toldOf } from '../client/temporal/told.ts';
import { waitingFor } from '../client/waits.ts';
import { isFromNewerProgram } from '../databases/contract/control-version.ts';
import { noteLeadingPhase } from '../databases/contract/current-state.ts';
import { whyNotAlone } from '../databases/contract/foreign-parts.ts';
import type { Store, Stores } from '../databases/contract/store.ts';
import { SetBackGuard } from '../databases/deciding/set-back-guard.ts';
import { openStores } from '../databases/open.ts';
import { LockstepError } from '../model/failure.ts';
import { isLockstepError } from '../model/is-lockstep-error.ts';
import type { Migration } from '../model/migration.ts';
import { withinLimit } from '../model/time-limit.ts';
import { HybridClock } from '../model/version.ts';
import type { Ahead } from './ahead.ts';
import { workflowBundle } from './bundle.ts';
import { watchDefinition } from './definition-watch.ts';
import { watchGauges } from './gauges.ts';
import { watchMarks } from './marks.ts';
import { createWorkers } from './owed.ts';
import { Reach, withReach } from './reach.ts';
import { watchReads } from './reads-watch.ts';
import { keepRecovering } from './recovery.ts';
import { withSmallYoungGeneration } from './small-young-generation.ts';
import { createStatusGauges } from './status-gauges.ts';
import { StoreFit } from './store-fit.ts';

export interface WorkerOptions {
  readonly migration: Migration;
  readonly environment: NodeJS.ProcessEnv;
  /** Default: those that the environment names. They are closed with the worker. */
  readonly stores?: Stores;
  readonly log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
  /** How often what is pending, parked and in doubt is gauged; null, where nobody asks for metrics, does not. */
  readonly gaugeEveryMs?: number | null;
  /** For how long it leaves to others what is encrypted by a key that it does not have. Default: a minute. */
  readonly keyPatienceMs?: number;
  /** In a service's process: the connection is the service's to close, and some activities are begun before they are asked for. */
  readonly embedded?: { readonly connection: NativeConnection; readonly ahead: Ahead };
}

/** What a process that writes itself uses of its worker. */
export interface WiredWorker extends RunningWorker {
  readonly activities: Activities;
  readonly temporal: Client;
  isRunning(): boolean;
}

export interface RunningWorker {
  /**
   * Ends when the worker has shut down; rejects where it failed, with `DefinitionChanged` where a store was prepared for another
   * definition meanwhile.
   */
  readonly finished: Promise<void>;
  /** Why the worker could not do its work right now; empty when it can. */
  reasons(): Promise<readonly string[]>;
  /** Takes no new work, lets what runs finish, then releases everything in reverse order. */
  shutdown(): Promise<void>;
}

const graceTime = '20s';

/** So long Temporal may take to answer a worker that starts. */
const connectLimitMs = 15_000;

/** So long it may take to answer one that runs. */
const answerLimitMs = 3_000;

/** For so long a worker that is behind may still take work, all of which the stores refuse. */
const definitionEveryMs = 1_000;

/** Wires stores, activities and workflows of one migration, and runs them. */
export async function runWorker(options: WorkerOptions): Promise<WiredWorker> {
  const { migration, environment, log, embedded } = options;
  const opened = options.stores ?? openStores(migration, environment);
  const reach = new Reach(opened, log);
  const stores = withReach(opened, reach);
  const release: (() => Promise<void>)[] = [
    () => opened.legacy.close(),
    () => opened.modern.close(),
    async () => reach.stop(),
  ];
  const closeAll = async () => {
    for (const closing of release.splice(0).toReversed()) await closing();
  };
  try {
    reach.start();
    const connection = embedded?.connection ?? (await connectNative(environment));
    if (!embedded) release.push(() => connection.close());
    const { namespace } = temporalPlace(environment);
    const temporal = new Client({ connection, namespace, dataConverter: createDataConverter(environment) });
    await assertKeyFits(temporal, migration.name, environment);
    // Before a store is asked: one that is alone may have been set back to an older phase.
    const phase = await leadingPhase(temporal, migration.name);
    if (phase) noteLeadingPhase(migration, phase);
    await assertStoresFitOrLog(stores, log);
    const meter = Runtime.instance().metricMeter;
    const guard = new SetBackGuard({ migration, stores });
    const context: ActivityContext = {
      migration,
      stores,
      clock: new HybridClock(),
      wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      removeSchedules: () => removeSchedules(temporal, migration.name),
      setBackGuard: guard,
      meter,
      log,
    };
    if (options.gaugeEveryMs) {
      const watch = watchGauges({
        sources: [...createGauges(context), createStatusGauges(temporal, migration.name)],
        meter,
        everyMs: options.gaugeEveryMs,
        log,
      });
      release.push(() => watch.stop());
    }
    // Before the first write: the primary may have been set back while no worker ran.
    const marks = await watchMarks(context, guard);
    release.push(() => marks.stop());
    const reads = watchReads(context, temporal);
    release.push(() => reads.stop());
    const activities = createActivities(context);
    const patience = new KeyPatience(({ message }) => log(message, {}), options.keyPatienceMs);
    const shared = {
      connection,
      namespace,
      activities,
      interceptors: {
        activity: [
          ...activityInterceptors(migration.name),
          ...(embedded ? [embedded.ahead.interceptor] : []),
        ],
      },
      shutdownGraceTime: graceTime,
      // With a heartbeat comes the word that something is to be interrupted.
      maxHeartbeatThrottleInterval: '500ms',
      dataConverter: createDataConverter(environment, 'worker', patience),
    };
    const taking = {
      ...shared,
      taskQueue: migration.taskQueue,
      workflowBundle: await workflowBundle({ encodesFailures: encryptionOf(environment) !== null }),
      // What a lost worker had in its cache goes to another one soon.
      stickyQueueScheduleToStartTimeout: '2s',
    };
    const create = () => createWorkers(taking, reach);
    const worker = embedded ? await withSmallYoungGeneration(create) : await create();
    await keepRecovering(temporal, context);
    const watch = watchDefinition(stores, {
      everyMs: definitionEveryMs,
      changed: (error) => {
        log(error.message, { store: error.details.store, code: error.code });
        worker.shutdown();
      },
    });
    release.push(() => watch.stop());
    const fit = new StoreFit();
    // It ends with the reason, so that nobody takes it for one that was told to stop.
    const finished = worker
      .run()
      .finally(closeAll)
      .then(() => watch.throwChange());
    // Whoever does not wait for the end has the log.
    finished.catch(() => undefined);
    return {
      finished,
      activities,
      temporal,
      isRunning: () => worker.reasons().length === 0,
      reasons: async () => {
        const silence = temporalSilence(connection, environment);
        const failures = await neededStoreFailures({ migration, stores }, (store) => fit.check(store));
        return [...worker.reasons(), ...failures.map(toldOf), ...(await silence)];
      },
      shutdown: async () => {
        worker.shutdown();
        await finished.catch((error: unknown) => {
          if (!isLockstepError(error, 'DefinitionChanged')) throw error;
        });
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/**
 * A store that is unavailable, or was never prepared, keeps nothing from running: what needs it is tried until it is there.
 * One that a newer program prepared is refused, and so is one that is prepared for another definition.
 */
async function assertStoresFitOrLog(stores: Stores, log: WorkerOptions['log']): Promise<void> {
  for (const store of [stores.legacy, stores.modern]) {
    const check = () => store.check();
    await waitingFor(`the ${store.name} store (${store.address})`, check).catch((error: unknown) => {
      if (!(error instanceof LockstepError) || isFromNewerProgram(error)) throw error;
      if (error.code === 'DefinitionChanged') throw error;
      log(error.message, { store: store.name, code: error.code });
    });
    await logAdditions(store, log);
  }
}

/** They keep nothing from running: somebody may audit control tables by triggers. */
async function logAdditions(store: Store, log: WorkerOptions['log']): Promise<void> {
  const parts = await store.foreignParts().catch((error: unknown) => {
    // What keeps it from answering was told.
    if (error instanceof LockstepError) return null;
    throw error;
  });
  const reason = parts === null ? null : whyNotAlone(parts);
  if (reason !== null) log(reason, { store: store.name });
}

/** Why Temporal does not answer now. The SDK tries again and again, and its worker says that it runs. */
async function temporalSilence(
  connection: NativeConnection,
  environment: NodeJS.ProcessEnv,
): Promise<string[]> {
  try {
    await connection.withDeadline(Date.now() + answerLimitMs, () =>
      connection.workflowService.getSystemInfo({}),
    );
    return [];
  } catch (error) {
    return [temporalUnavailable(temporalPlace(environment).address, reasonOf(error), error).message];
  }
}

/**
 * As Temporal's own environment variables and TOML file say. Throws `TemporalUnavailable`, and `InvalidDefinition` where it has no
 * such namespace: a worker would poll it in vain.
 */
export async function connectNative(environment: NodeJS.ProcessEnv): Promise<NativeConnection> {
  const { connectionOptions, namespace, address } = temporalPlace(environment);
  return await waitingFor(`Temporal at ${address}`, async () => {
    const connecting = NativeConnection.connect(connectionOptions);
    let connection: NativeConnection;
    try {
      connection = await withinLimit(connecting, connectLimitMs, () => new Error('no answer'));
    } catch (error) {
      // One that comes late is of no use to anybody.
      connecting.then((late) => late.close()).catch(() => undefined);
      throw await notConnected(address, error);
    }
    try {
      await assertNamespace(connection, { address, namespace });
      return connection;
    } catch (error) {
      await connection.close();
      throw error;
    }
  });
}
