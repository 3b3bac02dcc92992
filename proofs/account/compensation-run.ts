import { LockstepError, type StoreName } from '../../model/failure.ts';
import { otherStore } from '../../model/phase.ts';
import type { Proxy as Between } from '../../test/support/proxy.ts';
import type { Account } from './account.ts';
import type { Accounts } from './call.ts';
import {
  type Contents,
  legacyContents,
  modernContents,
  rowText,
  withLegacy,
  withModern,
} from './contents.ts';
import type { StoreUrls } from './environment.ts';
import type { RandomWrites } from './random.ts';

/** A parallel write that one store takes and the other refuses for good. */
export interface CompensationRun {
  readonly kind: 'create' | 'replace' | 'delete';
  readonly refuses: StoreName;
  /** Cut off the store that took the write, so that it cannot be undone there for a while. */
  readonly cut: boolean;
}

export interface Bench {
  readonly accounts: Accounts;
  readonly direct: StoreUrls;
  readonly proxies: Readonly<Record<StoreName, Between>>;
  readonly writes: RandomWrites;
  readonly cutMs: number;
}

const takenWithinMs = 10_000;

/** Gives what was wrong, in words; nothing when everything was undone as it should be. */
export async function tryOut(run: CompensationRun, bench: Bench): Promise<string[]> {
  const { accounts, writes } = bench;
  const { kind, refuses } = run;
  const wrong: string[] = [];
  const key = writes.newKey();
  const before = kind === 'create' ? null : writes.account(key);
  if (before) await accounts.create(before);
  if (kind === 'delete') await hold(refuses, bench.direct, key);
  const refused = { ...writes.account(key), owner: `${refuses} refuses${run.cut ? ' slowly' : ''}` };
  const send = () => call(bench, kind, refused, `trial-${refused.mark}`);

  const failure = await (run.cut ? whileCut(run, bench, refused, send, wrong) : send());
  await judge('', failure);
  await judge('sent again: ', await send());
  const events = (await contentsOf(otherStore(refuses), bench.direct)).witness.filter(
    (event) => event.key === key,
  );
  const taken = events.some(({ event, mark }) =>
    kind === 'delete' ? event === 'delete' : mark === refused.mark,
  );
  if (!taken) wrong.push('the other store never took it, so nothing was proved');

  if (kind === 'delete') await sentOnceTaken(bench, key, send, wrong);
  const next = writes.account(key);
  await accounts.replace(next);
  await holdsOnly(rowText(next), 'the next write: ');
  return wrong;

  async function judge(when: string, answer: unknown): Promise<void> {
    const told = answer instanceof LockstepError ? `${answer.code} of ${answer.details.store}` : 'taken';
    if (told !== `StoreRefused of ${refuses}`) wrong.push(`${when}the caller was told: ${told}`);
    await holdsOnly(before ? rowText(before) : undefined, when);
  }

  async function holdsOnly(row: string | undefined, when: string): Promise<void> {
    for (const store of ['legacy', 'modern'] as const) {
      const found = (await contentsOf(store, bench.direct)).rows.get(key);
      if (found !== row)
        wrong.push(`${when}${store} holds ${found === undefined ? 'no row' : 'another row'}`);
    }
  }
}

/** The hold is gone: now the same operation is taken by both stores, or by none. */
async function sentOnceTaken(
  bench: Bench,
  key: string,
  send: () => Promise<unknown>,
  wrong: string[],
): Promise<void> {
  await release(bench.direct);
  const answer = await send();
  const isDone = !(answer instanceof LockstepError);
  for (const store of ['legacy', 'modern'] as const) {
    const isThere = (await contentsOf(store, bench.direct)).rows.has(key);
    if (isThere === isDone)
      wrong.push(
        `sent again without the hold: ${isDone ? 'acknowledged' : 'refused'}, and ${store} ${isThere ? 'has' : 'lacks'} the row`,
      );
  }
}

async function whileCut(
  run: CompensationRun,
  { direct, proxies, cutMs }: Bench,
  refused: Account,
  send: () => Promise<unknown>,
  wrong: string[],
): Promise<unknown> {
  const takes = otherStore(run.refuses);
  let isAnswered = false;
  const answer = send().finally(() => {
    isAnswered = true;
  });
  const end = Date.now() + takenWithinMs;
  while (!(await contentsOf(takes, direct)).witness.some(({ mark }) => mark === refused.mark)) {
    if (Date.now() > end) throw new Error(`${takes} did not take the write within ${takenWithinMs} ms`);
  }
  await proxies[takes].cut();
  await new Promise((resolve) => setTimeout(resolve, cutMs));
  if (isAnswered) wrong.push('answered before it was undone');
  await proxies[takes].restore();
  return await answer;
}

async function call(
  { accounts }: Bench,
  kind: CompensationRun['kind'],
  account: Account,
  operationId: string,
): Promise<unknown> {
  try {
    if (kind === 'delete') return await accounts.delete(account.id, { operationId });
    return await accounts[kind](account, { operationId });
  } catch (error) {
    if (error instanceof LockstepError) return error;
    throw error;
  }
}

export function contentsOf(store: StoreName, urls: StoreUrls): Promise<Contents> {
  return store === 'legacy' ? legacyContents(urls.legacy) : modernContents(urls.modern);
}

async function hold(store: StoreName, urls: StoreUrls, key: string): Promise<void> {
  const sql = `INSERT INTO holds (id) VALUES ('${key}')`;
  await (store === 'legacy'
    ? withLegacy(urls.legacy, (query) => query(sql))
    : withModern(urls.modern, (query) => query(sql)));
}

async function release(urls: StoreUrls): Promise<void> {
  await withLegacy(urls.legacy, (query) => query('DELETE FROM holds'));
  await withModern(urls.modern, (query) => query('DELETE FROM holds'));
}
