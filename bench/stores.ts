import { Completions } from '../activities/write/completions.ts';
import { convergeKeys } from '../activities/write/converge.ts';
import { atLeast, type Report, report } from '../proofs/report.ts';
import { account } from '../test/support/accounts.ts';
import { accountOf, decidedWrite, openAccountStores } from './account-stores.ts';
import { median, rounded, type Setting } from './bench.ts';

const defaultWrites = 4_000;
const defaultRuns = 5;
const connections = 32;
const bareCallers = 256;
const itemsPerCall = 64;
const callsInFlight = 4;
const keys = 20_000;

/**
 * What the stores' part of a durable write can do without Temporal: decide at the primary, converge to the secondary, settle
 * the journal as a worker does, for lists of 64 items, against two bare upserts by 256 callers. Both ways run in turn in the same minutes.
 */
export async function stores({ servers, seed, rows, runs, note }: Setting): Promise<Report> {
  const writes = rows ?? defaultWrites;
  await using opened = await openAccountStores(servers, connections);
  const route = { primary: 'legacy', secondary: 'modern', epoch: 1 } as const;
  const completions = new Completions(opened.stores);
  let written = 0;
  const next = () => {
    written += 1;
    return accountOf(((written * 7919) % keys) + 1, seed, written);
  };

  const bare = async () => {
    const value = next();
    await Promise.all([opened.upsert('legacy', value), opened.upsert('modern', value)]);
  };
  const guarded = async () => {
    const items = Array.from({ length: itemsPerCall }, () => {
      const value = next();
      return decidedWrite(value, `bench-${seed}-${written}`, String(written));
    });
    const outcomes = await opened.stores.legacy.write(account, items, opened.fence);
    const converged = await convergeKeys(
      opened,
      account,
      items.map(({ key }) => key),
      route,
    );
    const isDone = outcomes.every(({ status }) => status === 'applied');
    if (!isDone || !converged.every(({ status }) => status === 'converged'))
      throw new Error('a write of the list was not applied');
    await completions.complete(
      'legacy',
      items.flatMap(({ operationId }) => operationId ?? []),
    );
  };

  const perSecond = { bare: [] as number[], guarded: [] as number[] };
  note(`${runs ?? defaultRuns} runs of ${writes} writes each way`);
  for (let run = 0; run <= (runs ?? defaultRuns); run++) {
    const taken = {
      bare: await rate(bare, writes, bareCallers, 1),
      guarded: await rate(guarded, writes, callsInFlight, itemsPerCall),
    };
    // The first run fills the tables.
    if (run === 0) continue;
    perSecond.bare.push(taken.bare);
    perSecond.guarded.push(taken.guarded);
  }
  const ratio = median(perSecond.guarded) / median(perSecond.bare);
  return report(
    'stores',
    seed,
    [atLeast(`writes/s, lists of ${itemsPerCall} ÷ bare with ${bareCallers} callers`, 1.2, rounded(ratio))],
    {
      writes,
      runs: runs ?? defaultRuns,
      barePerSecond: Math.round(median(perSecond.bare)),
      listsPerSecond: Math.round(median(perSecond.guarded)),
    },
  );
}

/** Writes a second, of `callers` that each make one call after the other. */
async function rate(
  call: () => Promise<void>,
  writes: number,
  callers: number,
  perCall: number,
): Promise<number> {
  let left = writes;
  const began = performance.now();
  await Promise.all(
    Array.from({ length: callers }, async () => {
      while (left > 0) {
        left -= perCall;
        await call();
      }
    }),
  );
  return (writes / (performance.now() - began)) * 1_000;
}
