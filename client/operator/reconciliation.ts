import type { Client } from '@temporalio/client';
import type { Difference, DifferenceGroup, Verdict } from '../../databases/contract/comparison.ts';
import type { OpenMigration } from '../../databases/contract/current-state.ts';
import { isSettled } from '../../databases/contract/settled.ts';
import type { Store } from '../../databases/contract/store.ts';
import { keyText } from '../../model/canonical.ts';
import type { Evidence } from '../../model/evidence.ts';
import type { StoreName } from '../../model/failure.ts';
import { nullWhereUnavailable } from '../../model/is-lockstep-error.ts';
import { entityNamed } from '../../model/migration.ts';
import * as messages from '../../workflows/messages.ts';
import { answerOfOnly } from '../temporal/failures.ts';
import { searchAttributesOf } from '../temporal/search-attributes.ts';
import { attended } from './attended.ts';
import { removeSchedule, setSchedule } from './schedules.ts';

export type { Reconciliation } from '../../workflows/messages.ts';

/** So many differences are read again before they are shown. */
const lookedAt = 1_000;

/** The workflow `reconcile`, which lives on the other side of the task queue. */
type Reconcile = (
  input: messages.ReconciliationRequest & { carried: null },
) => Promise<messages.Reconciliation>;

export interface ReconcileOptions {
  /** One entity only; default all. */
  readonly entity?: string;
  /** Whether the stores are made equal: by the higher version of a key, else as the primary has it. @default false */
  readonly repair?: boolean;
  /**
   * Whose rows a repair lets stand: the secondary's name brings back what a restored primary has lost, the primary's gives it up.
   * Without it, a repair leaves keys alone of which the secondary has a newer version.
   */
  readonly from?: StoreName;
}

/** Where no migration takes the evidence, nobody waits longer. */
const takenWithinMs = 10_000;
const takenPollMs = 50;

function isTaken({ began }: Evidence, { evidence, evidenceVoided }: messages.MigrationStatus): boolean {
  const since = Date.parse(began);
  return [evidence?.began, evidenceVoided?.at].some(
    (time) => time !== undefined && Date.parse(time) >= since,
  );
}

/** What differs between the stores: found, listed, mended, now or again and again. */
export class ReconciliationControl {
  readonly #temporal: Client;
  readonly #open: OpenMigration;

  readonly #answerWithinMs: number | null;

  /** @param answerWithinMs see `OperateOptions` */
  constructor(temporal: Client, open: OpenMigration, answerWithinMs: number | null = null) {
    this.#temporal = temporal;
    this.#open = open;
    this.#answerWithinMs = answerWithinMs;
  }

  /** Compares everything once, and waits for the end of it. */
  async run(options: ReconcileOptions = {}): Promise<messages.Reconciliation> {
    const { name, taskQueue } = this.#open.migration;
    const what = `a reconciliation of ${name}`;
    const { migration } = this.#open;
    const attendance = { temporal: this.#temporal, migration, answerWithinMs: this.#answerWithinMs };
    const asked = this.#asked(options);
    const execute = () =>
      this.#temporal.workflow.execute<Reconcile>('reconcile', {
        workflowId: this.#id,
        taskQueue,
        typedSearchAttributes: searchAttributesOf(name),
        ...asked,
      });
    const result = await answerOfOnly(what, () => attended(attendance, `the end of ${what}`, execute));
    if (options.entity === undefined && result.repaired === 0) await this.#evidenceTaken(result.evidence);
    return result;
  }

  /** The migration looks at the result when the workflow is over; who asks it next finds it there. */
  async #evidenceTaken(evidence: Evidence | null): Promise<void> {
    const handle = this.#temporal.workflow.getHandle(messages.migrationWorkflowId(this.#open.migration.name));
    const until = performance.now() + takenWithinMs;
    while (evidence && performance.now() < until) {
      const status = await handle.query(messages.migrationStatus).catch(() => null);
      if (status === null || isTaken(evidence, status)) return;
      await new Promise((resolve) => setTimeout(resolve, takenPollMs));
    }
  }

  /** Lets Temporal do it every so often; safe to repeat, the last interval counts. */
  async schedule(everyMs: number, options: ReconcileOptions = {}): Promise<void> {
    const recurring = { id: this.#id, everyMs, workflowType: 'reconcile', ...this.#asked(options) };
    await setSchedule(this.#temporal, this.#open.migration, recurring);
  }

  /** False where there was no schedule. */
  async unschedule(): Promise<boolean> {
    return await removeSchedule(this.#temporal, this.#id);
  }

  /**
   * What comparisons, backfills and repairs wrote down, in either store; a store that is unavailable is left out. Up to
   * `lookedAt` of them are read again first, and those that are equal by now are closed. Keys are row content.
   */
  async differences(limit: number): Promise<Difference[]> {
    await this.#closeSettled();
    return await this.#known(limit);
  }

  /** The same by entity, verdict and reason, each with a few keys. */
  async groupedDifferences(limits: { groups: number; keys: number }): Promise<DifferenceGroup[]> {
    await this.#closeSettled();
    const found = await this.#ofBoth((store, migration) => store.groupedDifferences(migration, limits));
    const groups = new Map<string, DifferenceGroup>();
    for (const group of found) {
      const name = JSON.stringify([group.entity, group.verdict, group.reason]);
      const known = groups.get(name);
      if (!known) groups.set(name, group);
      else {
        const keys = new Map([...known.keys, ...group.keys].map((key) => [keyText(key), key]));
        const count = known.count + group.count;
        groups.set(name, { ...known, count, keys: [...keys.values()].slice(0, limits.keys) });
      }
    }
    return [...groups.values()].sort((one, other) => other.count - one.count).slice(0, limits.groups);
  }

  /** What has come to be equal since it was written down is no difference any more. */
  async #closeSettled(): Promise<void> {
    const { stores, migration } = this.#open;
    const found = await this.#known(lookedAt);
    for (const [name, own] of Map.groupBy(found, ({ entity }) => entity)) {
      const entity = migration.entities.find((one) => one.name === name);
      if (!entity) continue;
      const keys = own.map(({ key }) => key);
      const reads = [stores.legacy, stores.modern].map((store) =>
        store.read(entity, keys).catch(nullWhereUnavailable),
      );
      const [legacy, modern] = await Promise.all(reads);
      if (!legacy || !modern) return;
      const settled = keys.filter((_, index) => {
        const [left, right] = [legacy[index], modern[index]];
        return left && right && isSettled(left, right);
      });
      if (settled.length === 0) continue;
      for (const store of [stores.legacy, stores.modern])
        await store.resolveDifferences(migration.name, name, settled);
    }
  }

  async #known(limit: number): Promise<Difference[]> {
    const found = await this.#ofBoth((store, migration) => store.differences(migration, limit));
    const byKey = new Map(found.map((one) => [`${one.entity} ${keyText(one.key)}`, one]));
    return [...byKey.values()].slice(0, limit);
  }

  async countDifferences(): Promise<{ entity: string; verdict: Verdict; count: number }[]> {
    const found = await this.#ofBoth((store, migration) => store.countDifferences(migration));
    const sums = new Map<string, { entity: string; verdict: Verdict; count: number }>();
    for (const { entity, verdict, count } of found) {
      const name = `${entity} ${verdict}`;
      sums.set(name, { entity, verdict, count: count + (sums.get(name)?.count ?? 0) });
    }
    return [...sums.values()];
  }

  async #ofBoth<T>(ask: (store: Store, migration: string) => Promise<T[]>): Promise<T[]> {
    const { stores, migration } = this.#open;
    const answers = await Promise.all(
      [stores.legacy, stores.modern].map((store) => ask(store, migration.name).catch(nullWhereUnavailable)),
    );
    return answers.flatMap((answer) => answer ?? []);
  }

  get #id(): string {
    return messages.reconciliationWorkflowId(this.#open.migration.name);
  }

  #asked({ entity, repair = false, from }: ReconcileOptions) {
    const { name, entities } = this.#open.migration;
    const chosen = entity === undefined ? entities : [entityNamed(this.#open.migration, entity)];
    const request = {
      migration: name,
      entities: chosen.map((one) => one.name),
      repair,
      from: from ?? null,
      carried: null,
    };
    const args: [typeof request] = [request];
    return { staticSummary: `reconcile ${name}`, args };
  }
}
