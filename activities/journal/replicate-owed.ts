import { Context } from '@temporalio/activity';
import { currentState } from '../../databases/contract/current-state.ts';
import { isSound, type JournalEntry } from '../../databases/contract/journal.ts';
import { touchKind } from '../../databases/contract/touch.ts';
import type { SetBackGuard } from '../../databases/deciding/set-back-guard.ts';
import { definitionDigest } from '../../model/definition.ts';
import { LockstepError } from '../../model/failure.ts';
import { entityNamed } from '../../model/migration.ts';
import { operationKinds, routeOf, type WriteInput, type WriteRoute } from '../../model/operation.ts';
import { writePolicyOf } from '../../model/policy.ts';
import type { ActivityContext } from '../context.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { completeEntries } from './complete-entries.ts';
import { type ConvergedEntries, createEntryConvergence } from './converge-entries.ts';

/** What a look for owed entries came to. */
export interface OwedLook {
  readonly completed: number;
  readonly failed: number;
  /** Writes that need more than another try: each is for a workflow of its own, where a person can decide. */
  readonly stuck: readonly WriteInput[];
  /** Why it ended before its time; null where it did not. */
  readonly stopped: string | null;
}

/**
 * So long one look takes, and with it the shutdown of its worker. Each look costs Temporal an activity and a workflow task, which is
 * more than many writes cost.
 */
const lookMs = 3_000;
/** Entries that come meanwhile share the next batch: statements and commits are what it costs beside writers. */
const pollMs = 250;
const entriesPerBatch = 500;
/** As many are worth a batch of their own at once. */
const fullBatch = entriesPerBatch / 2;
/** Other rows may be on their way, and make room for one that was refused. */
const conflictPauseMs = 1_000;

/** Replicates what transactions of services have touched, and what they have written by the journal. */
export function createOwedActivities(context: ActivityContext & { readonly setBackGuard: SetBackGuard }) {
  const { migration, stores, wait, setBackGuard } = context;
  const { convergeEntries } = createEntryConvergence(context);
  const journaled = migration.entities.filter(({ entry }) => entry === 'journal').map(({ name }) => name);

  /** Takes what has committed, and looks again and again for three seconds. What fails too often is left to the journal's retry. */
  async function replicateOwed(): Promise<OwedLook> {
    const until = performance.now() + lookMs;
    const { cancellationSignal } = Context.current();
    let [completed, failed] = [0, 0];
    const stuck: WriteInput[] = [];
    return await withHeartbeat(async () => {
      try {
        while (performance.now() < until && !cancellationSignal.aborted) {
          const batch = await replicateBatch();
          if (batch === null) return { completed, failed, stuck, stopped: 'the primary is being changed' };
          completed += batch.completed;
          failed += batch.failed;
          stuck.push(...batch.stuck);
          if (stuck.length > 0) break;
          if (batch.completed + batch.failed < fullBatch) await wait(pollMs);
        }
        return { completed, failed, stuck, stopped: null };
      } catch (error) {
        const isPassing =
          error instanceof LockstepError && (error.code === 'StoreUnavailable' || error.code === 'Fenced');
        if (!isPassing) throw error;
        return { completed, failed, stuck, stopped: error.message };
      }
    });
  }

  /** Null while the primary is being changed, which empties the journal itself. */
  async function replicateBatch(): Promise<Omit<OwedLook, 'stopped'> | null> {
    const { primary } = routeOf(await currentState(context));
    const entries = await dueEntries(primary);
    if (entries.length === 0) return { completed: 0, failed: 0, stuck: [] };
    // Read after the entries: an older route might have no secondary, and nothing to replicate to.
    const state = await currentState(context);
    const route = routeOf(state);
    if (!state.open || route.primary !== primary) return null;
    return await setBackGuard.decide(primary, async () => {
      const { converged, refused } = await convergeEntries(entries, route);
      await completeEntries(stores[primary], migration.name, converged);
      const done = new Set(converged);
      const stuck = entries.filter((entry) => !done.has(entry) && isStuck(entry, refused));
      return {
        completed: converged.length,
        failed: entries.length - converged.length,
        stuck: stuck.map((entry) => handedOver(entry, route)),
      };
    });
  }

  async function dueEntries(primary: 'legacy' | 'modern'): Promise<JournalEntry[]> {
    return await stores[primary].journal({
      migration: migration.name,
      statuses: ['pending'],
      owed: { kind: touchKind, entities: journaled },
      due: { attempts: migration.policy.conflictAttempts, pauseMs: conflictPauseMs },
      limit: entriesPerBatch,
    });
  }

  /** What a transaction of the caller's has done has no operation to decide about: it waits until the row is mended. */
  function isStuck(entry: JournalEntry, refused: ConvergedEntries['refused']): boolean {
    if (!isSound(entry) || entry.kind === touchKind) return false;
    return refused.includes(entry) || entry.attempts + 1 >= migration.policy.conflictAttempts;
  }

  function handedOver({ id, entity: name, kind, key, version }: JournalEntry, route: WriteRoute): WriteInput {
    const entity = entityNamed(migration, name);
    const known = operationKinds.find((one) => one === kind);
    if (!known || version === null) throw new TypeError(`operation ${id} is owed, and is no write`);
    return {
      migration: migration.name,
      operation: {
        id,
        entity: name,
        kind: known,
        key,
        image: null,
        proposed: version,
        definition: definitionDigest(entity),
        expectedVersion: null,
      },
      pattern: entity.pattern,
      ack: 'primary',
      route,
      dualWrite: true,
      decided: version,
      validateAfterMs: null,
      policy: writePolicyOf(migration.policy),
    };
  }

  return { replicateOwed };
}
