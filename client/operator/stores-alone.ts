import { backlogOf } from '../../databases/contract/backlog.ts';
import { currentState, type OpenMigration } from '../../databases/contract/current-state.ts';
import { knownDifferences } from '../../databases/contract/known-differences.ts';
import { setBackReason, setBackStores } from '../../databases/contract/set-back.ts';
import { LockstepError } from '../../model/failure.ts';
import type { Migration } from '../../model/migration.ts';
import { type DurableState, neededStores, routes } from '../../model/phase.ts';
import { assertStoresFit } from '../stores-fit.ts';
import { withStores } from './with-stores.ts';

/** What is owed, and to whom it waits. */
export interface Backlog {
  readonly pending: number;
  readonly parked: number;
  readonly tentative: number;
  /** Age of the oldest pending one; null where none is. */
  readonly oldestMs: number | null;
  /** Why the oldest pending one has not reached the secondary yet. */
  readonly reason: string | null;
}

/** What the stores know to be wrong. */
export interface StoreFaults {
  /** Stores that are behind what the other has seen of them, as after a restore from an older copy. */
  readonly setBack: readonly string[];
  /** Keys that are known to differ, or whose row a store refused. */
  readonly differences: number;
}

/** What both stores say of a migration, without Temporal and without a worker. */
export class StoresAlone {
  readonly #open: OpenMigration;

  constructor(open: OpenMigration) {
    this.#open = open;
  }

  async know(): Promise<StoreFaults & { readonly state: DurableState }> {
    return { state: await currentState(this.#open), ...(await this.faults()) };
  }

  /**
   * Operations that are pending at the primary, with the reason why the oldest has not reached the secondary yet, those
   * that the secondary took before the primary decided, and those of either that wait for a person.
   */
  async backlog(): Promise<Backlog> {
    const { migration, stores } = this.#open;
    const { primary, secondary } = routes[(await currentState(this.#open)).phase];
    const backlog = await backlogOf(migration.name, stores[primary], secondary && stores[secondary]);
    if (backlog.pending === 0) return { ...backlog, reason: null };
    const oldest = { migration: migration.name, statuses: ['pending'], limit: 1 } as const;
    const [entry] = await stores[primary].journal(oldest);
    return { ...backlog, reason: entry?.reason ?? null };
  }

  /** A store that is unavailable has no say. */
  async faults(): Promise<StoreFaults> {
    const { differences } = await knownDifferences(this.#open);
    return { differences, setBack: (await setBackStores(this.#open)).map(setBackReason) };
  }

  /** Throws why a store that is needed does not fit, or does not answer. */
  assertFit(): Promise<void> {
    return assertStoresFit(this.#open);
  }

  /** Why a store that the phase needs cannot be reached. */
  async unreachable(): Promise<string[]> {
    const { stores } = this.#open;
    const needed = await currentState(this.#open).then(
      ({ phase }) => neededStores(phase),
      () => ['legacy', 'modern'] as const,
    );
    const asked = await Promise.allSettled(needed.map((name) => stores[name].ping()));
    return asked.flatMap((answer) => {
      if (answer.status === 'fulfilled') return [];
      if (answer.reason instanceof LockstepError) return [answer.reason.message];
      throw answer.reason;
    });
  }
}

/** Asks the stores alone: for when Temporal does not answer. */
export function withStoresAlone<T>(
  migration: Migration,
  environment: NodeJS.ProcessEnv,
  work: (stores: StoresAlone) => Promise<T>,
): Promise<T> {
  return withStores(migration, environment, (stores) => work(new StoresAlone({ migration, stores })));
}
