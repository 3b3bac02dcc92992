import { availableParallelism } from 'node:os';
import { status } from '../../deploy/dev/servers.ts';
import { type Figures, type Report, report } from '../../proofs/report.ts';
import { rounded, type Setting } from '../bench.ts';
import { barsOf } from './bars.ts';
import { checkOutOlder } from './older/checkout.ts';
import { openOlderStage } from './older/stage.ts';
import { writePage } from './page.ts';
import { installPeers, peerVersions } from './peer-packages.ts';
import { type Contender, inRounds, type Measured, placeOf } from './rounds.ts';
import { RunningWay } from './running-way.ts';
import { openStage, type Stage } from './stage.ts';
import type { Way } from './way.ts';
import { type WayName, wayNames, ways } from './ways.ts';

const defaultMs = 2_000;
const defaultRounds = 5;
const defaultCallers = [1, 32, 256];
const withinMs = 600_000;

/**
 * What a durable write to two stores costs, by one, 32 and 256 callers: Lockstep's ways beside others, each with its callers in a
 * process of its own, in turn on the same servers.
 */
export async function writes({
  servers,
  seed,
  rows,
  runs,
  ways: chosen,
  callers,
  writeDocs,
  note,
}: Setting): Promise<Report> {
  const names = chosen ?? wayNames;
  const crowds = callers ?? defaultCallers;
  const plan = { callers: crowds, rounds: runs ?? defaultRounds, forMs: rows ?? defaultMs, withinMs, note };
  if (names.some((name) => wayOf(name).peer)) await installPeers(note);
  if (names.some((name) => wayOf(name).older)) await checkOutOlder(note);
  await using open = new AsyncDisposableStack();
  const needsWorker = names.some((name) => wayOf(name).lockstep === 'group');
  const standing = (name: StageName) => {
    if (name === 'older') return openOlderStage(servers, seed);
    const lockstep = name === 'shared' ? (needsWorker ? 'group' : undefined) : name;
    return openStage(servers, seed, { lockstep });
  };
  const stages = new Map<StageName, Stage>();
  for (const name of new Set(names.map((one) => stageOf(wayOf(one))))) {
    stages.set(name, open.use(await standing(name)));
  }
  const serverPids = (await status()).flatMap(({ pid }) => pid ?? []);
  note(`opening ${names.join(', ')}`);
  const contenders = await Promise.all(
    names.map(async (name): Promise<Contender> => {
      const way = wayOf(name);
      const stage = stages.get(stageOf(way));
      if (!stage) throw new TypeError(`${name} has no stage`);
      const running = open.use(await RunningWay.open(way, stage.place(name), seed));
      const worker =
        (way.lockstep ?? way.older) !== undefined && stage.workerPid !== null ? [stage.workerPid] : [];
      return { name, running, pids: [...serverPids, ...worker] };
    }),
  );
  const { rounds, measured } = await inRounds(contenders, plan);
  if (rounds < plan.rounds) note(`${rounds} of ${plan.rounds} rounds: there was no time for more`);
  const found = report('writes', seed, barsOf(measured), {
    milliseconds: plan.forMs,
    rounds,
    cores: availableParallelism(),
    peers: { ...peerVersions() },
    ...Object.fromEntries(crowds.map((crowd) => [`callers${crowd}`, figuresOf(names, crowd, measured)])),
  });
  if (writeDocs) await writePage(found, names, { ...plan, rounds }, measured);
  return found;
}

function wayOf(name: WayName): Way {
  return ways[name];
}

/** One migration for each kind of worker; what is no way of Lockstep's is beside the first. */
type StageName = 'shared' | 'journal' | 'embedded' | 'older';

function stageOf({ lockstep, older }: Way): StageName {
  if (older) return 'older';
  return lockstep === 'journal' || lockstep === 'embedded' ? lockstep : 'shared';
}

function figuresOf(
  names: readonly WayName[],
  callers: number,
  measured: ReadonlyMap<string, Measured>,
): Figures {
  const bare = measured.get(placeOf('bare', callers));
  return Object.fromEntries(
    names.flatMap((name) => {
      const found = measured.get(placeOf(name, callers));
      if (found === undefined) return [];
      const { perSecond, p50Ms, p95Ms, p99Ms, cpuMsPerWrite, inBothPerSecond, failed } = found;
      return [
        [
          name,
          {
            perSecond: rounded(perSecond),
            p50Ms: rounded(p50Ms),
            p95Ms: rounded(p95Ms),
            p99Ms: rounded(p99Ms),
            cpuMsPerWrite: cpuMsPerWrite === null ? null : rounded(cpuMsPerWrite),
            inBothPerSecond: rounded(inBothPerSecond),
            failed,
            ...(bare ? { toBare: rounded(perSecond / bare.perSecond) } : {}),
          },
        ],
      ];
    }),
  );
}
