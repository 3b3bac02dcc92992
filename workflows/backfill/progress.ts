import type { RangeProgress } from '../../activities/backfill/backfill.ts';
import type { BackfillProgress, EntityProgress } from '../messages.ts';

/** One range of one entity, as far as its last slice came. */
export type BackfillRange = { -readonly [P in keyof RangeProgress]: RangeProgress[P] } & {
  readonly entity: string;
};

/** What a running backfill knows of itself. */
export interface BackfillState {
  readonly startedAt: string;
  readonly totals: ReadonlyMap<string, number>;
  readonly ranges: readonly BackfillRange[];
  /** Entities that are left out, and why. */
  readonly faults: ReadonlyMap<string, string>;
  readonly throughput: Throughput;
  readonly caughtUp: number;
  /** Keys that were refused at first, and have come in since. */
  readonly arrivedLate: number;
  /** Keys that came in together with those that they wait for; when they are read again, they are there already. */
  readonly arrivedTogether: number;
  readonly throttledMs: number;
  readonly waiting: string | null;
  readonly finishedAt: string | null;
  readonly stopped: string | null;
}

const recentMs = 60_000;

/** Keys a second within the last minute, from when and how far a backfill had come. */
export class Throughput {
  readonly #marks: { readonly at: number; readonly seen: number }[] = [];

  mark(at: number, seen: number): void {
    this.#marks.push({ at, seen });
    while (this.#marks.length > 2 && (this.#marks[0]?.at ?? at) < at - recentMs) this.#marks.shift();
  }

  /** Null until there is something to go by. */
  perSecond(): number | null {
    const first = this.#marks[0];
    const last = this.#marks.at(-1);
    if (!first || !last || last.at === first.at) return null;
    return ((last.seen - first.seen) / (last.at - first.at)) * 1000;
  }
}

export function progressOf(state: BackfillState): BackfillProgress {
  const entities = [...state.totals].map(([entity, total]) => ({
    ...entityProgress(entity, total, state.ranges),
    stopped: state.faults.get(entity) ?? null,
  }));
  const sum = (of: Exclude<keyof EntityProgress, 'entity' | 'done' | 'stopped'>) =>
    entities.reduce((all, one) => all + one[of], 0);
  const running = state.finishedAt === null && state.stopped === null;
  const seen = sum('copied') + sum('skipped') + sum('refused');
  const speed = running ? state.throughput.perSecond() : null;
  const left = entities.reduce((all, one) => all + (one.done ? 0 : one.total - seenOf(one)), 0);
  return {
    running,
    done: state.finishedAt !== null,
    total: sum('total'),
    copied: sum('copied') + state.caughtUp + state.arrivedLate + state.arrivedTogether,
    skipped: Math.max(0, sum('skipped') - state.arrivedTogether),
    refused: Math.max(0, sum('refused') - state.arrivedLate),
    bytes: sum('bytes'),
    totalBytes: sum('totalBytes'),
    perSecond: speed === null ? null : Math.round(speed),
    secondsLeft: seen > 0 && speed !== null && speed > 0 ? Math.ceil(left / speed) : null,
    throttledSeconds: Math.round(state.throttledMs / 1000),
    waiting: running ? state.waiting : null,
    entities,
    startedAt: state.startedAt,
    finishedAt: state.finishedAt,
    stopped: state.stopped,
  };
}

/** A total that is an estimate is corrected by what is known: it is never below what was seen, and equal at the end. */
function entityProgress(
  entity: string,
  estimate: number,
  ranges: readonly BackfillRange[],
): Omit<EntityProgress, 'stopped'> {
  const own = ranges.filter((range) => range.entity === entity);
  const sum = (of: 'copied' | 'skipped' | 'refused' | 'bytes') =>
    own.reduce((all, range) => all + range[of], 0);
  const counts = {
    copied: sum('copied'),
    skipped: sum('skipped'),
    refused: sum('refused'),
    bytes: sum('bytes'),
  };
  const seen = seenOf(counts);
  const done = own.length > 0 && own.every((range) => range.done);
  const total = done ? seen : Math.max(estimate, seen);
  const totalBytes = done || seen === 0 ? counts.bytes : Math.round((counts.bytes / seen) * total);
  return { entity, total, ...counts, totalBytes, done };
}

export function seenOf({
  copied,
  skipped,
  refused,
}: {
  copied: number;
  skipped: number;
  refused: number;
}): number {
  return copied + skipped + refused;
}

/** What a backfill is before it has said anything. */
export function initialProgress(startedAt: string): BackfillProgress {
  return progressOf({
    startedAt,
    totals: new Map(),
    ranges: [],
    faults: new Map(),
    throughput: new Throughput(),
    caughtUp: 0,
    arrivedLate: 0,
    arrivedTogether: 0,
    throttledMs: 0,
    waiting: null,
    finishedAt: null,
    stopped: null,
  });
}

/** Markdown, for Temporal UI. */
export function progressDetails(progress: BackfillProgress): string {
  const lines = [
    `**${seenOf(progress)}** of about ${progress.total} keys: ${progress.copied} copied, ${progress.skipped} already present, ${progress.refused} refused`,
    progress.perSecond === null ? '' : `${progress.perSecond} keys/s (last minute)${etaOf(progress)}`,
    progress.throttledSeconds > 0 ? `gave way to live writes for ${progress.throttledSeconds} s` : '',
    progress.waiting ? `**waiting**: ${progress.waiting}` : '',
    ...progress.entities.flatMap(({ stopped }) => (stopped === null ? [] : [`**left out**: ${stopped}`])),
    ...(progress.entities.length > 1
      ? progress.entities.map(
          (one) => `- ${one.entity}: ${seenOf(one)} of about ${one.total}${one.done ? ', done' : ''}`,
        )
      : []),
  ];
  return lines.filter((line) => line !== '').join('\n\n');
}

function etaOf({ secondsLeft }: BackfillProgress): string {
  return secondsLeft === null ? '' : `, about ${secondsLeft} s left`;
}
