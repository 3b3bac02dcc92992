import { setTimeout } from 'node:timers/promises';
import type { OpenMigration } from '../../databases/contract/current-state.ts';
import type { StoredRecord } from '../../databases/contract/write.ts';
import { type Image, isSameValue } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import { ownImage } from '../../model/field.ts';
import { type DurableState, otherStore, routes } from '../../model/phase.ts';
import { ignoreExpected } from './expected-failure.ts';
import type { KeyReads } from './key-reads.ts';
import type { ReportedCounts } from './read-counts.ts';

/** So many shadow reads may be under way in a process; further ones are left out, so that they never pile up. */
const mostUnderWay = 10;

/** A record as it was found in both stores. */
interface Pair {
  readonly routed: StoredRecord;
  readonly other: StoredRecord;
}

/**
 * Reads the other store too, and counts whether both have the same. One that disagrees is looked at again after a while: only what
 * stays, with nothing on its way, is counted as unequal.
 */
export class Shadow {
  readonly #open: OpenMigration;
  readonly #counts: ReportedCounts;
  readonly #underWay = new Set<Promise<void>>();
  readonly #leaving = new AbortController();

  constructor(open: OpenMigration, counts: ReportedCounts) {
    this.#open = open;
    this.#counts = counts;
  }

  /** Whether a read that nobody asked to be compared is. */
  isSampled({ phase }: DurableState): boolean {
    if (phase !== 'validate' && phase !== 'switch-reads') return false;
    return this.#underWay.size < mostUnderWay && Math.random() < this.#open.migration.policy.readShadowShare;
  }

  /** In the background: the caller has its answer. */
  compareLater(reads: KeyReads, from: StoreName, state: DurableState): void {
    this.#keep(this.compare(reads, from, state));
  }

  /** Reads both; what disagrees is counted later. */
  async compare(reads: KeyReads, from: StoreName, state: DurableState): Promise<void> {
    const pair = await pairOf(reads, from);
    if (pair === null) this.#counts.shadowRead('failed', state);
    else if (agree(reads.entity, pair)) this.#counts.shadowRead('equal', state);
    else this.#keep(this.#lookAgain(reads.again(), pair, from, state));
  }

  /** Waits for none of those that are to be looked at again: they are not counted. */
  async close(): Promise<void> {
    this.#leaving.abort();
    await Promise.all(this.#underWay);
  }

  #keep(work: Promise<void>): void {
    const kept = work.finally(() => this.#underWay.delete(kept));
    this.#underWay.add(kept);
  }

  async #lookAgain(reads: KeyReads, before: Pair, from: StoreName, state: DurableState): Promise<void> {
    const { signal } = this.#leaving;
    const { recheckDelayMs } = this.#open.migration.policy;
    await setTimeout(recheckDelayMs, null, { signal, ref: false }).catch(() => null);
    if (signal.aborted) return;
    const pair = await pairOf(reads, from);
    if (pair === null) return this.#counts.shadowRead('failed', state);
    const isStill = isSame(pair.routed, before.routed) && isSame(pair.other, before.other);
    if (agree(reads.entity, pair) || !isStill) return this.#counts.shadowRead('inFlight', state);
    const isOwed = await this.#isOwed(reads, state).catch((error: unknown) => {
      ignoreExpected(error);
      return null;
    });
    if (isOwed === null) this.#counts.shadowRead('failed', state);
    else this.#counts.shadowRead(isOwed ? 'inFlight' : 'unequal', state);
  }

  /** A write of this record is on its way, or waits for somebody. */
  async #isOwed({ entity, key }: KeyReads, { migration, phase }: DurableState): Promise<boolean> {
    const { primary } = routes[phase];
    const found = await Promise.all(
      [this.#open.stores[primary], this.#open.stores[otherStore(primary)]].map((store) =>
        store.journal({
          migration,
          statuses: ['pending', 'parked', 'tentative'],
          record: { entity: entity.name, key },
          limit: 1,
        }),
      ),
    );
    return found.flat().length > 0;
  }
}

async function pairOf(reads: KeyReads, from: StoreName): Promise<Pair | null> {
  try {
    const [routed, other] = await Promise.all([reads.from(from), reads.from(otherStore(from))]);
    return { routed, other };
  } catch (error) {
    ignoreExpected(error);
    return null;
  }
}

/**
 * Neither of them is undecided, and both have the same. Shared records are compared by their identity: where the denormalized store
 * holds several copies of one, only a comparison that sees them all can tell.
 */
function agree(entity: Entity, { routed, other }: Pair): boolean {
  return !routed.undecided && !other.undecided && isSameValue(ownOf(entity, routed), ownOf(entity, other));
}

function isSame(left: StoredRecord, right: StoredRecord): boolean {
  return left.version === right.version && isSameValue(left.image, right.image);
}

function ownOf({ fields }: Entity, { image }: StoredRecord): Image | null {
  return image === null ? null : ownImage(fields, image);
}
