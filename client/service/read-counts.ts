import { randomUUID } from 'node:crypto';
import type { OpenMigration } from '../../databases/contract/current-state.ts';
import type { Stores } from '../../databases/contract/store.ts';
import { type DurableState, routes } from '../../model/phase.ts';
import { noReads, type ReadCounts } from '../../model/read-counts.ts';
import { Counts, type ShadowReads, type StoreReads } from './counts.ts';
import { ignoreExpected } from './expected-failure.ts';

/** A report is written so long after a read, and covers all that come meanwhile. */
const reportAfterMs = 1_000;
/** One row of the store holds what is counted for so long at most, and for a fifth of the time that counts for the budget. */
const longestRowMs = 60_000;
/** So many rows wait at most for a store that is away. */
const maxRows = 1_000;

type Mutable = { -readonly [N in keyof ReadCounts]: number };

/** What is counted for one row of the store. */
interface Row {
  readonly id: string;
  readonly state: DurableState;
  readonly began: number;
  readonly counts: Mutable;
  /** What the store has not been told yet. */
  isNew: boolean;
}

/**
 * Counts the reads of a service, and reports those of the phase in which they are shared to the primary: at most one small write a
 * second. A report that cannot be written is written with the next one.
 */
export class ReportedCounts {
  readonly reads: StoreReads = new Counts({ legacy: 0, modern: 0, fellBack: 0, lagged: 0, undecided: 0 });
  readonly shadow: ShadowReads = new Counts({ equal: 0, unequal: 0, inFlight: 0, failed: 0 });
  readonly #stores: Stores;
  readonly #rowMs: number;
  readonly #elapsed: () => number;
  #rows: Row[] = [];
  #timer: NodeJS.Timeout | null = null;
  #reporting: Promise<void> = Promise.resolve();

  constructor({ migration, stores }: OpenMigration, elapsed: () => number = () => performance.now()) {
    this.#stores = stores;
    this.#rowMs = Math.min(longestRowMs, migration.policy.readBudgetWindowMs / 5);
    this.#elapsed = elapsed;
  }

  /** @param state the route that the read went by */
  read(name: Parameters<StoreReads['count']>[0], state: DurableState): void {
    this.reads.count(name);
    this.#note(name, state);
  }

  /** @param state the route that the read went by */
  shadowRead(name: Parameters<ShadowReads['count']>[0], state: DurableState): void {
    this.shadow.count(name);
    this.#note(name, state);
  }

  /** Reports what is left. */
  async close(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    await this.#reporting;
    await this.#report();
  }

  #note(name: keyof ReadCounts, state: DurableState): void {
    if (routes[state.phase].reads !== 'share') return;
    const row = this.#rowOf(state);
    row.counts[name] += 1;
    row.isNew = true;
    if (this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#reporting = this.#reporting.then(() => this.#report());
    }, reportAfterMs);
    this.#timer.unref();
  }

  #rowOf(state: DurableState): Row {
    const now = this.#elapsed();
    const known = this.#rows.find(
      (row) => row.state.changeNumber === state.changeNumber && now - row.began < this.#rowMs,
    );
    if (known) return known;
    const row = { id: randomUUID(), state, began: now, counts: { ...noReads }, isNew: true };
    this.#rows.push(row);
    return row;
  }

  async #report(): Promise<void> {
    for (const row of this.#rows.filter(({ isNew }) => isNew)) {
      const { id, state, counts } = row;
      row.isNew = false;
      try {
        await this.#stores[routes[state.phase].primary].reportReads(state.migration, {
          id,
          changeNumber: state.changeNumber,
          counts: { ...counts },
        });
      } catch (error) {
        ignoreExpected(error);
        // Reads are answered whether or not they can be reported.
        row.isNew = true;
      }
    }
    const now = this.#elapsed();
    this.#rows = this.#rows.filter(({ isNew, began }) => isNew || now - began < this.#rowMs).slice(-maxRows);
  }
}
