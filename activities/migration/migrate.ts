import { Context } from '@temporalio/activity';
import { backlogOf } from '../../databases/contract/backlog.ts';
import { currentState } from '../../databases/contract/current-state.ts';
import { isSound } from '../../databases/contract/journal.ts';
import { touchKind } from '../../databases/contract/touch.ts';
import { definitionDigest } from '../../model/definition.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { entityNamed } from '../../model/migration.ts';
import { routeOf } from '../../model/operation.ts';
import { type DurableState, otherStore } from '../../model/phase.ts';
import type { ActivityContext } from '../context.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { completeEntries } from '../journal/complete-entries.ts';
import { convergeInParts, type PairedRoute } from '../write/converge.ts';
import { createTentativeResolver } from '../write/tentative.ts';
import { createTouchedRecords } from '../write/touched-records.ts';
import { copyOutcomes } from './copy-outcomes.ts';
import { assertNeeded, type Needs } from './needed.ts';

/** What the gates of the phases look at. */
export interface Readiness {
  readonly pending: number;
  readonly parked: number;
  readonly tentative: number;
  readonly backlogAgeMs: number | null;
  readonly flagControlled: readonly string[];
}

const drainBatchSize = 500;

export function createMigrationActivities(context: ActivityContext) {
  const { migration, stores, wait, log } = context;
  const { resolveClosed } = createTentativeResolver(context);
  const { noteTouchedKeys } = createTouchedRecords(context);

  /** The stores answer, and are prepared for the definition that this worker has, which is the one that the migration runs by. */
  async function checkStores(request: {
    stores: readonly StoreName[];
    digests?: Readonly<Record<string, string>>;
  }): Promise<void> {
    await withHeartbeat(async () => {
      for (const name of request.stores) await stores[name].check();
    });
    const { digests } = request;
    if (!digests) return;
    const { entities } = migration;
    const isSame =
      Object.keys(digests).length === entities.length &&
      entities.every((entity) => digests[entity.name] === definitionDigest(entity));
    if (isSame) return;
    throw new LockstepError(
      'GateRefused',
      `the stores are prepared for another definition than ${migration.name} runs by; run lockstep apply, then try again`,
      { gate: 'definition', remedy: 'lockstep apply' },
    );
  }

  async function readStates(): Promise<Readonly<Record<StoreName, DurableState | null>>> {
    return await withHeartbeat(async () => {
      const [legacy, modern] = await Promise.all([
        stores.legacy.readState(migration.name),
        stores.modern.readState(migration.name),
      ]);
      return { legacy, modern };
    });
  }

  /** Writes the durable route to one store, fencing out every write of an older epoch. */
  async function writeState(request: {
    store: StoreName;
    state: DurableState;
    /** The number of the change that the store must have; by default any earlier one. */
    replaces?: number;
  }): Promise<void> {
    const { store, state, replaces } = request;
    const given = replaces === undefined ? {} : { replaces };
    await withHeartbeat(() => stores[store].writeState(state, given));
    log('state written', {
      store: request.store,
      phase: request.state.phase,
      epoch: request.state.epoch,
      changeNumber: request.state.changeNumber,
      open: request.state.open,
    });
  }

  async function measureReadiness(request: Needs & { primary: StoreName }): Promise<Readiness> {
    const [primary, other] = [stores[request.primary], stores[otherStore(request.primary)]];
    const backlog = await withHeartbeat(async () => {
      await assertNeeded(stores, request);
      return await backlogOf(migration.name, primary, other);
    });
    return {
      pending: backlog.pending,
      parked: backlog.parked,
      tentative: backlog.tentative,
      backlogAgeMs: backlog.oldestMs,
      flagControlled: migration.entities
        .filter((entity) => entity.pattern === 'flag-controlled')
        .map((entity) => entity.name),
    };
  }

  /** Before anything closes: most outcomes are known to the other store by the time of the drain. */
  async function copyOutcomesAhead(request: { primary: StoreName; epoch: number }): Promise<number> {
    return await withHeartbeat(async () => {
      await assertCurrent(request);
      return await copyOutcomes(context, request);
    });
  }

  /** Under another epoch neither store would take anything, however often it is tried. */
  async function assertCurrent({ primary, epoch }: { primary: StoreName; epoch: number }): Promise<void> {
    const route = routeOf(await currentState(context));
    if (route.epoch === epoch && route.primary === primary) return;
    throw new LockstepError(
      'InvalidRequest',
      `${migration.name} is not under epoch ${epoch} with ${primary} as its primary`,
      { path: route.epoch === epoch ? 'primary' : 'epoch', measured: { epoch: route.epoch } },
    );
  }

  /**
   * While no new write can begin: replicates everything that is still pending to the other store, settles what that has taken
   * tentatively, and copies what was decided. Throws `GateRefused` when a write is parked or refused: then the primary must
   * not change.
   */
  async function drain(request: { primary: StoreName; epoch: number }): Promise<{ drained: number }> {
    return await withHeartbeat(async () => {
      await assertStillClosed(request.primary, request.epoch);
      return await drainJournal(request);
    });
  }

  async function drainJournal({
    primary,
    epoch,
  }: {
    primary: StoreName;
    epoch: number;
  }): Promise<{ drained: number }> {
    const route = { epoch, primary, secondary: otherStore(primary) };
    let drained = 0;
    for (;;) {
      Context.current().cancellationSignal.throwIfAborted();
      for (const store of [stores[primary], stores[route.secondary]]) {
        const [parked] = await store.journal({ migration: migration.name, statuses: ['parked'], limit: 1 });
        if (parked) throw notDrained(`a write is parked (operation ${parked.id})`);
      }
      const pending = await stores[primary].journal({
        migration: migration.name,
        statuses: ['pending'],
        limit: drainBatchSize,
      });
      const unsound = pending.find((entry) => !isSound(entry));
      if (unsound?.fault) throw notDrained(`${unsound.fault}, in the ${primary} store`);
      const tentative = await settleTentative(route);
      if (pending.length === 0 && tentative === 0) {
        let outcomes = 0;
        // What changes while it is copied, as by an undo that ends only now, goes again.
        for (let taken = -1; taken !== 0; outcomes += taken)
          taken = await copyOutcomes(context, { primary, epoch });
        await assertStillClosed(primary, epoch);
        log('the journal is drained', { primary, drained, outcomes });
        return { drained };
      }
      for (const name of new Set(pending.map((entry) => entry.entity))) {
        const entity = entityNamed(migration, name);
        const entries = pending.filter((entry) => entry.entity === name);
        const touched = entries.filter(({ kind }) => kind === touchKind);
        await noteTouchedKeys(
          entity,
          touched.map(({ key }) => key),
          route,
          { closed: true },
        );
        const results = await convergeInParts(
          context,
          entity,
          entries.map((entry) => entry.key),
          route,
        );
        const converged = entries.filter((_, index) => results[index]?.status === 'converged');
        await completeEntries(stores[primary], migration.name, converged);
        drained += converged.length;
        const refused = results.find((result) => result.status === 'refused' || result.status === 'conflict');
        if (refused && 'message' in refused && converged.length === 0) throw notDrained(refused.message);
        if (results.some((result) => result.status === 'fenced')) {
          throw new LockstepError(
            'Fenced',
            `epoch ${epoch} of ${migration.name} is over; the change of primary starts again`,
          );
        }
      }
      await wait(50);
    }
  }

  /** A store that was restored meanwhile is open again, or has lost what was drained. */
  async function assertStillClosed(primary: StoreName, epoch: number): Promise<void> {
    const state = await stores[primary].readState(migration.name);
    if (state?.epoch === epoch && !state.open) return;
    throw notDrained(
      `the ${primary} store is not closed under epoch ${epoch}; if it was, it has been set back meanwhile`,
    );
  }

  /** Before the secondary may decide itself: gives the number that it had. */
  async function settleTentative(route: PairedRoute): Promise<number> {
    const entries = await stores[route.secondary].journal({
      migration: migration.name,
      statuses: ['tentative'],
      limit: drainBatchSize,
    });
    const unsound = entries.find((entry) => !isSound(entry));
    if (unsound?.fault) throw notDrained(`${unsound.fault}, in the ${route.secondary} store`);
    for (const [id, resolution] of await resolveClosed(entries, route)) {
      if (resolution.status !== 'refused') continue;
      throw notDrained(
        `what operation ${id} left in the ${route.secondary} store could not be undone: ${resolution.message}`,
      );
    }
    return entries.length;
  }

  /** Renames the legacy tables of every entity, so that a forgotten reader is noticed before anything is dropped. */
  async function renameLegacyTables(request: {
    /** Those that have passed the gates. */
    entities: readonly string[];
  }): Promise<readonly string[]> {
    await assertDecommissioned();
    const statements: string[] = [];
    for (const name of request.entities) {
      const entity = entityNamed(migration, name);
      await removeTriggers('legacy', entity);
      statements.push(...(await stores.legacy.renameLegacyTables(entity)));
    }
    log('legacy tables renamed', { statements });
    return statements;
  }

  /** Whoever reaches Temporal can schedule an activity, at any time. */
  async function assertDecommissioned(): Promise<void> {
    const { phase } = await currentState(context);
    if (phase === 'decommissioned') return;
    throw new LockstepError(
      'InvalidRequest',
      `${migration.name} is in the phase ${phase}, and its legacy tables are touched in decommissioned only; use lockstep decommission`,
      { path: 'phase' },
    );
  }

  async function restoreLegacyTables(request: { entities: readonly string[] }): Promise<readonly string[]> {
    await assertDecommissioned();
    const statements: string[] = [];
    for (const name of request.entities)
      statements.push(...(await stores.legacy.restoreRetired(entityNamed(migration, name))));
    log('legacy tables have their names back', { statements });
    return statements;
  }

  async function dropLegacy(request: { entities: readonly string[] }): Promise<readonly string[]> {
    await assertDecommissioned();
    const statements: string[] = [];
    for (const name of request.entities)
      statements.push(...(await stores.legacy.dropRetired(entityNamed(migration, name))));
    log('renamed legacy tables dropped', { statements });
    return statements;
  }

  /** A schedule would go on starting workflows when the migration is over, and triggers would go on noting keys. */
  async function removeSchedules(): Promise<readonly string[]> {
    const removed = await context.removeSchedules();
    log('schedules removed', { removed });
    for (const entity of migration.entities) await removeTriggers('modern', entity);
    return removed;
  }

  /** Those of `--capture`. A worker may lack the right to, or find the table renamed already: neither holds the end. */
  async function removeTriggers(store: StoreName, entity: Entity): Promise<void> {
    try {
      await stores[store].capture(entity, false);
    } catch (error) {
      if (!(error instanceof LockstepError) || error.code === 'StoreUnavailable') throw error;
      log('triggers may be left; lockstep prepare --no-capture removes them', {
        store,
        reason: error.message,
      });
    }
  }

  async function reportOverdue(request: { phase: string; deadline: string }): Promise<void> {
    log('the migration is overdue', { phase: request.phase, deadline: request.deadline });
    await migration.onOverdue?.({ migration: migration.name, ...request });
  }

  return {
    checkStores,
    readStates,
    writeState,
    measureReadiness,
    copyOutcomesAhead,
    drain,
    renameLegacyTables,
    restoreLegacyTables,
    dropLegacy,
    removeSchedules,
    reportOverdue,
  };
}

function notDrained(why: string): LockstepError {
  return new LockstepError(
    'GateRefused',
    `the primary cannot change: ${why}; resolve it with lockstep writes, then advance again`,
    {
      gate: 'drain',
      reason: why,
    },
  );
}
