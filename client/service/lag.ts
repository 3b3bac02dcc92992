import type { OpenMigration } from '../../databases/contract/current-state.ts';
import { type Key, recordIdentity } from '../../model/canonical.ts';
import type { StoreName } from '../../model/failure.ts';
import { routeFreshMs } from '../../model/phase.ts';
import { ignoreExpected } from './expected-failure.ts';
import type { StoreBreaker } from './store-breaker.ts';

/** Above so many, all records count as late. */
const mostLate = 100;

/** What the other store has lacked for too long, as of about a second ago. */
interface Known {
  readonly records: ReadonlySet<string>;
  readonly all: boolean;
  readonly at: number;
}

/**
 * Knows which records the secondary has lacked for longer than the policy allows: writes that are pending for so long, or parked.
 * Where the primary cannot be asked, nothing is known, and the secondary answers.
 */
export class Lag {
  readonly #open: OpenMigration;
  readonly #breaker: StoreBreaker;
  readonly #elapsed: () => number;
  #known: Known = { records: new Set(), all: false, at: Number.NEGATIVE_INFINITY };
  #asking: Promise<void> | null = null;

  /** @param elapsed milliseconds of a clock that nobody sets */
  constructor(open: OpenMigration, breaker: StoreBreaker, elapsed: () => number = () => performance.now()) {
    this.#open = open;
    this.#breaker = breaker;
    this.#elapsed = elapsed;
  }

  /** Whether the secondary has lacked a write of this record for too long. */
  async isLate(primary: StoreName, entity: string, key: Key): Promise<boolean> {
    const { all, records } = await this.#recent(primary);
    return all || records.has(recordIdentity(entity, key));
  }

  /** Whether the secondary lacks so many that nothing can be said of single ones. */
  async isAllLate(primary: StoreName): Promise<boolean> {
    return (await this.#recent(primary)).all;
  }

  async #recent(primary: StoreName): Promise<Known> {
    if (this.#elapsed() - this.#known.at >= routeFreshMs) {
      this.#asking ??= this.#ask(primary).finally(() => {
        this.#asking = null;
      });
      // Only the first read waits; afterwards the last answer serves while the next is under way.
      if (this.#known.at === Number.NEGATIVE_INFINITY) await this.#asking;
    }
    return this.#known;
  }

  async #ask(primary: StoreName): Promise<void> {
    const { migration, stores } = this.#open;
    const at = this.#elapsed();
    const late = { migration: migration.name, limit: mostLate };
    const { readLagLimitMs: olderThanMs } = migration.policy;
    try {
      const store = stores[primary];
      const found = await this.#breaker.ask(store, () =>
        Promise.all([
          store.journal({ ...late, statuses: ['pending'], olderThanMs }),
          store.journal({ ...late, statuses: ['parked'] }),
        ]),
      );
      const entries = found.flat();
      this.#known = {
        records: new Set(entries.map((entry) => recordIdentity(entry.entity, entry.key))),
        all: entries.length >= mostLate,
        at,
      };
    } catch (error) {
      ignoreExpected(error);
      this.#known = { records: new Set(), all: false, at };
    }
  }
}
