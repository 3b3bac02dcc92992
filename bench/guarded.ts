import { atMost, type Figures, type Report, report } from '../proofs/report.ts';
import { account } from '../test/support/accounts.ts';
import { accountOf, decidedWrite, openAccountStores } from './account-stores.ts';
import { median, quantile, rounded, type Setting } from './bench.ts';

const defaultWrites = 200;
const defaultRuns = 15;
const manyCallers = 32;
const keys = 20_000;

type Way = (id: number) => Promise<void>;

/**
 * What the guarded write at the primary (epoch, operation id, record, row and journal in one round trip) costs a caller,
 * against two bare upserts, one a store, with nothing durable between them. Both ways run in turn in the same minutes.
 */
export async function guarded({ servers, seed, rows, runs, note }: Setting): Promise<Report> {
  const writes = rows ?? defaultWrites;
  await using ways = await waysOn(servers, seed);
  note(`${runs ?? defaultRuns} runs of ${writes} writes each way, by one caller and by ${manyCallers}`);
  const one = await inTurn(ways.named, runs ?? defaultRuns, writes, 1);
  const many = await inTurn(ways.named, runs ?? defaultRuns, writes * 4, manyCallers);
  const ratio = one.guarded.p50Ms / one.bare.p50Ms;
  return report('guarded', seed, [atMost('p50 with one caller, guarded ÷ bare', 2, rounded(ratio))], {
    writes,
    runs: runs ?? defaultRuns,
    oneCaller: figuresOf(one),
    [`callers${manyCallers}`]: figuresOf(many),
  });
}

type Named = Readonly<Record<'bare' | 'guarded', Way>>;
type Measured = Readonly<Record<keyof Named, { p50Ms: number; p99Ms: number; perSecond: number }>>;

/** Medians over all runs, of which each measures every way; who begins changes from run to run. */
async function inTurn(ways: Named, runs: number, writes: number, callers: number): Promise<Measured> {
  const taken = { bare: [] as Run[], guarded: [] as Run[] };
  const order = ['bare', 'guarded'] as const;
  for (const way of order) await timed(ways[way], writes, callers);
  for (let run = 0; run < runs; run++) {
    for (const way of run % 2 === 0 ? order : order.toReversed())
      taken[way].push(await timed(ways[way], writes, callers));
  }
  const of = (all: readonly Run[]) => ({
    p50Ms: median(all.map(({ latencies }) => median(latencies))),
    p99Ms: median(all.map(({ latencies }) => quantile(latencies, 0.99))),
    perSecond: median(all.map(({ latencies, tookMs }) => (latencies.length / tookMs) * 1000)),
  });
  return { bare: of(taken.bare), guarded: of(taken.guarded) };
}

interface Run {
  readonly latencies: readonly number[];
  readonly tookMs: number;
}

let nextId = 0;

async function timed(way: Way, writes: number, callers: number): Promise<Run> {
  const latencies: number[] = [];
  let left = writes;
  const caller = async () => {
    while (left > 0) {
      left -= 1;
      nextId = (nextId + 7919) % keys;
      const began = performance.now();
      await way(nextId + 1);
      latencies.push(performance.now() - began);
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: callers }, caller));
  return { latencies, tookMs: performance.now() - began };
}

async function waysOn(servers: Setting['servers'], seed: number) {
  const stores = await openAccountStores(servers, manyCallers);
  let written = 0;
  const named: Named = {
    bare: async (id) => {
      written += 1;
      await Promise.all([
        stores.upsert('legacy', accountOf(id, seed, written)),
        stores.upsert('modern', accountOf(id, seed, written)),
      ]);
    },
    guarded: async (id) => {
      written += 1;
      const item = decidedWrite(accountOf(id, seed, written), `bench-${seed}-${written}`, String(written));
      const [outcome] = await stores.stores.legacy.write(account, [item], stores.fence);
      if (outcome?.status !== 'applied') throw new Error(`a write was not applied but ${outcome?.status}`);
    },
  };
  return { named, [Symbol.asyncDispose]: () => stores[Symbol.asyncDispose]() };
}

function figuresOf({ bare, guarded: guardedWrite }: Measured): Figures {
  const shown = (figures: Measured['bare']) => ({
    p50Ms: rounded(figures.p50Ms),
    p99Ms: rounded(figures.p99Ms),
    perSecond: Math.round(figures.perSecond),
  });
  return { bare: shown(bare), guarded: shown(guardedWrite) };
}
