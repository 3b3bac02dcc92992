import type { StoreName } from '../../model/failure.ts';
import { type Direct, direct } from '../../test/databases/direct.ts';
import { ledger } from '../../test/support/accounts.ts';
import { writeMessage } from '../../test/support/write-message.ts';
import { type MatrixFault, type Moment, stoppingId } from './cells.ts';
import type { MatrixEnvironment } from './environment.ts';
import { branchesAt, newTransaction, type Seen, type Sent, seenBy, send } from './transaction.ts';

/** Kills something and brings it back; resolves when it is back. */
export type Strike = (goOn: () => void) => Promise<void>;

/** One run of one cell. */
export interface Run {
  readonly fault: MatrixFault;
  readonly moment: Moment;
  readonly operationId: string;
  readonly answer: string;
  readonly seen: Readonly<Record<StoreName, Seen>>;
  readonly leftBranches: number;
  /** From the return of what was struck until both stores agreed, no branch was left and the caller knew. */
  readonly seconds: number;
  readonly ok: boolean;
}

const limitMs = 90_000;
const pollMs = 200;
export const boundSeconds = 60;

/** A transaction stands still at every moment when the fault comes; each is then followed to its end. */
export async function strikeAtOnce(
  environment: MatrixEnvironment,
  fault: MatrixFault,
  moments: readonly Moment[],
  log: string,
  strike: Strike,
): Promise<Run[]> {
  const worker = await environment.worker({ stops: true });
  const all = moments.map((moment) => newTransaction(fault, moment, stoppingId(moment)));
  await createChanged(environment, all);
  const sending = all.map((sent) => send(environment.lockstep, sent, log));
  await worker.stopped(all.length);
  let next = worker;
  if (fault === 'worker') {
    await worker.kill();
    next = await environment.worker({ stops: false });
  } else {
    await strike(() => worker.goOn());
  }
  const runs = await Promise.all(followAll(environment, all));
  await Promise.all(sending);
  await next.stop();
  return runs;
}

/** One after the other, because a message is lost by its text. */
export async function loseMessages(
  environment: MatrixEnvironment,
  moments: readonly Moment[],
  from: 'mysql' | 'postgresql',
  log: string,
): Promise<Run[]> {
  const worker = await environment.worker({ stops: false });
  const runs: Run[] = [];
  for (const moment of moments) {
    const sent = newTransaction('message', moment, stoppingId(moment));
    await createChanged(environment, [sent]);
    const { store, holding } = messageOf(moment, from);
    const proxy = environment.proxies[store];
    const lost = moment.side === 'before' ? proxy.dropNextRequest(holding) : proxy.dropNextAnswer(holding);
    const sending = send(environment.lockstep, sent, log);
    await lost;
    runs.push(...(await Promise.all(followAll(environment, [sent]))));
    await sending;
  }
  await worker.stop();
  return runs;
}

async function createChanged(environment: MatrixEnvironment, all: readonly Sent[]): Promise<void> {
  await environment.lockstep.transaction((tx) => all.map(({ changed }) => tx(ledger).create(changed)));
}

function followAll(environment: MatrixEnvironment, all: readonly Sent[]): Promise<Run>[] {
  const began = performance.now();
  return all.map((sent) => follow(environment, sent, began));
}

async function follow(environment: MatrixEnvironment, sent: Sent, began: number): Promise<Run> {
  for (;;) {
    const seen = await look(environment, sent);
    const elapsed = performance.now() - began;
    const finished = seen.ok || elapsed > limitMs;
    if (finished) return { ...seen, seconds: Math.round(elapsed / 100) / 10 };
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function look(environment: MatrixEnvironment, sent: Sent): Promise<Omit<Run, 'seconds'>> {
  const seen: Record<StoreName, Seen> = { legacy: 'part', modern: 'part' };
  let leftBranches = 0;
  for (const store of ['legacy', 'modern'] as const) {
    const url = environment.urls[store];
    await using at = await connected(url);
    const left = await branchesAt(at, url, environment.migration);
    leftBranches += left.filter((name) => name.includes(sent.operationId)).length;
    seen[store] = await seenBy(at, sent);
  }
  const { fault, moment, operationId, answer } = sent;
  const told = answer === null ? 'unknown' : answer === 'committed' ? 'committed' : answer.refused;
  const wanted: Seen = answer === 'committed' ? 'all' : 'nothing';
  const ok = answer !== null && leftBranches === 0 && seen.legacy === wanted && seen.modern === wanted;
  return { fault, moment, operationId, answer: told, seen, leftBranches, ok };
}

async function connected(url: string): Promise<Direct & AsyncDisposable> {
  const at = await direct(url);
  return { ...at, [Symbol.asyncDispose]: () => at.end() };
}

/** A text that only this step's message has, and the store that it goes to. */
function messageOf({ step }: Moment, from: 'mysql' | 'postgresql'): { store: StoreName; holding: string } {
  if (step === 'decision') return { store: 'legacy', holding: 'SET decision = ' };
  const [what, place] = step.split('-');
  const store: StoreName = place === 'primary' ? 'legacy' : 'modern';
  const engine = (store === 'legacy') === (from === 'mysql') ? 'mysql' : 'postgresql';
  const texts: Record<string, Record<'mysql' | 'postgresql', string>> = {
    begin: { mysql: 'XA START', postgresql: 'BEGIN' },
    write: {
      mysql: writeMessage({ engine: 'mysql' }, 'bound', place === 'primary' ? 'primary' : 'secondary'),
      postgresql: writeMessage({ engine: 'postgresql' }, 'bound'),
    },
    prepare: { mysql: 'XA PREPARE', postgresql: 'PREPARE TRANSACTION' },
    commit: { mysql: 'XA COMMIT', postgresql: 'COMMIT PREPARED' },
  };
  const holding = texts[what ?? '']?.[engine];
  if (!holding) throw new Error(`no message is known for ${step}`);
  return { store, holding };
}
