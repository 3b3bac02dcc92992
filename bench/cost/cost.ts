import type { Servers } from '../../deploy/dev/servers.ts';
import { atMost, type Figures, type Report, report } from '../../proofs/report.ts';
import { rounded, type Setting } from '../bench.ts';
import { installPeers } from '../writes/peer-packages.ts';
import { RunningWay } from '../writes/running-way.ts';
import { openStage } from '../writes/stage.ts';
import type { Way } from '../writes/way.ts';
import { type WayName, ways } from '../writes/ways.ts';
import { type CountedStore, countStatements } from './statements.ts';
import { costOfWorkflows } from './workflows.ts';

/** By each caller. */
const defaultWrites = 20;
const defaultCallers = [1, 32];
const counted: readonly WayName[] = ['bare', 'textbook', 'group', 'groupBoth'];
const idleMs = 3_000;

/** What one write takes. Statements are those beyond what service and worker ask without any write. */
export interface WriteCost {
  readonly writes: number;
  readonly workflows: number;
  readonly actions: number;
  readonly historyBytes: number;
  readonly historyEvents: number;
  readonly legacyStatements: number;
  readonly modernStatements: number;
  /** Statements a second at both stores while nothing is written. */
  readonly standing: number;
}

/**
 * Counts what a write costs on real servers: actions as Temporal Cloud bills them, bytes and events of history, and statements at each
 * store, by way and number of callers.
 */
export async function cost({ servers, seed, rows, ways: chosen, callers, note }: Setting): Promise<Report> {
  const figures: Record<string, Figures> = {};
  const actions = new Map<string, number>();
  for (const name of chosen ?? counted) {
    const way: Way = ways[name];
    if (way.peer) await installPeers(note);
    for (const [crowd, found] of await costOf(
      servers,
      seed,
      name,
      callers ?? defaultCallers,
      rows ?? defaultWrites,
    )) {
      const shown = Object.fromEntries(
        Object.entries(found).map(([figure, value]) => [figure, rounded(value)]),
      );
      note(`${name}, ${crowd} callers: ${JSON.stringify(shown)}`);
      figures[name] = { ...figures[name], [`callers${crowd}`]: shown };
      actions.set(`${name}/${crowd}`, found.actions);
    }
  }
  const bars = (['group', 'groupBoth'] as const).flatMap((name) => {
    const found = actions.get(`${name}/32`);
    return found === undefined
      ? []
      : [atMost(`actions a write with 32 callers, ${name}`, 0.2, rounded(found))];
  });
  return report('cost', seed, bars, figures);
}

/** @param each how many writes each caller makes */
async function costOf(
  servers: Servers,
  seed: number,
  name: WayName,
  crowds: readonly number[],
  each: number,
): Promise<Map<number, WriteCost>> {
  const way: Way = ways[name];
  await using open = new AsyncDisposableStack();
  const stores: CountedStore[] = [];
  const stage = open.use(
    await openStage(servers, seed, {
      lockstep: way.lockstep,
      through: async ({ legacy, modern }) => {
        for (const url of [legacy, modern]) stores.push(open.use(await countStatements(url)));
        const [first = { url: legacy }, second = { url: modern }] = stores;
        return { legacy: first.url, modern: second.url };
      },
    }),
  );
  const place = stage.place(name);
  const running = open.use(await RunningWay.open(way, place, seed));
  await running.turn(1, {});
  const asked = () => stores.map(({ statements }) => statements());
  const during = async (work: () => Promise<unknown>) => {
    const before = asked();
    const began = performance.now();
    await work();
    return {
      seconds: (performance.now() - began) / 1_000,
      asked: asked().map((now, at) => now - (before[at] ?? 0)),
    };
  };
  const idle = await during(() => new Promise((resolve) => setTimeout(resolve, idleMs)));
  const standing = idle.asked.map((count) => count / idle.seconds);
  const taskQueues = [`lockstep-${place.migration}`, `textbook-${place.migration}`];
  const found = new Map<number, WriteCost>();
  for (const crowd of crowds) {
    const since = new Date();
    let writes = 0;
    let workflows = { workflows: 0, actions: 0, historyBytes: 0, historyEvents: 0 };
    const { seconds, asked: statements } = await during(async () => {
      writes = (await running.turn(crowd, { atLeast: crowd * each })).writes;
      workflows = await costOfWorkflows(stage.temporal, taskQueues, since);
    });
    const own = statements.map((count, at) => Math.max(0, count - seconds * (standing[at] ?? 0)) / writes);
    found.set(crowd, {
      writes,
      workflows: workflows.workflows / writes,
      actions: workflows.actions / writes,
      historyBytes: workflows.historyBytes / writes,
      historyEvents: workflows.historyEvents / writes,
      legacyStatements: own[0] ?? 0,
      modernStatements: own[1] ?? 0,
      standing: standing.reduce((sum, rate) => sum + rate, 0),
    });
  }
  return found;
}
