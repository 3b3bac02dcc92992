import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { devServers, type FurtherName, type Servers } from '../../deploy/dev/servers.ts';
import { temporal } from '../../deploy/dev/temporal.ts';
import type { StoreName } from '../../model/failure.ts';
import { atLeast, atMost, type Conditions, exactly, type Figures, type Report, report } from '../report.ts';
import { type OwnServer, ownServer } from '../support/own-server.ts';
import { type MatrixFault, type Moment, matrixFaults, moments } from './cells.ts';
import { createMatrixEnvironment, type MatrixEnvironment } from './environment.ts';
import { boundSeconds, loseMessages, type Run, type Strike, strikeAtOnce } from './round.ts';

const fullRounds = 5;
const downMs = 1_000;
const folder = join(import.meta.dirname, '../../.lockstep/proofs');
const directions = ['mysql', 'postgresql'] as const;

interface Own {
  readonly mariadb: OwnServer<'mysql' | FurtherName>;
  readonly postgresql: OwnServer<'postgresql' | FurtherName>;
  readonly temporal: OwnServer<'temporal'>;
}

/** Whatever dies at whatever moment of a transaction: all of it is in both stores, or nothing in either, as its caller is told. */
export async function matrix({ servers, chosen, seed, short, note }: Conditions): Promise<Report> {
  await using release = new AsyncDisposableStack();
  mkdirSync(folder, { recursive: true });
  const log = join(folder, `matrix-${Date.now()}.jsonl`);
  const own = short ? null : await ownServers(release, note, chosen);
  const used = own ? endpoints(own) : servers;
  const rounds = short ? 1 : fullRounds;
  const runs: (Run & { readonly from: string })[] = [];
  for (const from of short ? directions.slice(0, 1) : directions) {
    await using environment = await createMatrixEnvironment(used, from);
    for (let round = 1; round <= rounds; round++) {
      for (const fault of matrixFaults) {
        if (!own && fault === 'temporal') continue;
        const done = await roundOf(environment, fault, short ? fewMoments : moments, from, log, own);
        runs.push(...done.map((run) => ({ ...run, from })));
        const slowest = Math.max(...done.map(({ seconds }) => seconds));
        const bad = done.filter(({ ok }) => !ok).length;
        note(
          `from ${from}, round ${round} of ${rounds}, ${fault}: ${done.length} runs, ${bad} not finished, ${slowest} s`,
        );
      }
    }
  }
  return reportOf(runs, seed, rounds, short, log);
}

/** Around the decision, where it matters most. */
const fewMoments: readonly Moment[] = [
  { step: 'prepare-primary', side: 'after' },
  { step: 'prepare-secondary', side: 'after' },
  { step: 'decision', side: 'before' },
  { step: 'decision', side: 'after' },
  { step: 'commit-primary', side: 'before' },
  { step: 'commit-secondary', side: 'before' },
];

function roundOf(
  environment: MatrixEnvironment,
  fault: MatrixFault,
  which: readonly Moment[],
  from: 'mysql' | 'postgresql',
  log: string,
  own: Own | null,
): Promise<Run[]> {
  if (fault === 'message') return loseMessages(environment, which, from, log);
  return strikeAtOnce(environment, fault, which, log, strikeOf(environment, fault, from, own));
}

function strikeOf(
  environment: MatrixEnvironment,
  fault: Exclude<MatrixFault, 'message'>,
  from: 'mysql' | 'postgresql',
  own: Own | null,
): Strike {
  const server = fault === 'worker' ? undefined : own?.[fault];
  if (server) {
    return async (goOn) => {
      await server.kill();
      goOn();
      await pause(downMs);
      await server.restart();
    };
  }
  const store: StoreName = (fault === 'mariadb') === (from === 'mysql') ? 'legacy' : 'modern';
  return async (goOn) => {
    await environment.proxies[store].cut();
    goOn();
    await pause(downMs);
    await environment.proxies[store].restore();
  };
}

async function ownServers(
  release: AsyncDisposableStack,
  note: Conditions['note'],
  { mysql, postgresql }: NonNullable<Conditions['chosen']> = {},
): Promise<Own> {
  return {
    mariadb: release.use(await ownServer<'mysql' | FurtherName>(devServers[mysql ?? 'mysql'], note)),
    postgresql: release.use(
      await ownServer<'postgresql' | FurtherName>(devServers[postgresql ?? 'postgresql'], note),
    ),
    temporal: release.use(await ownServer(temporal, note)),
  };
}

function endpoints(own: Own): Servers {
  return {
    mysql: own.mariadb.endpoint,
    postgresql: own.postgresql.endpoint,
    temporal: own.temporal.endpoint,
  };
}

function reportOf(
  runs: readonly (Run & { readonly from: string })[],
  seed: number,
  rounds: number,
  short: boolean,
  log: string,
): Report {
  const cells = new Map<string, number>();
  for (const { from, fault, moment } of runs) {
    const cell = `${from} ${fault} ${moment.side} ${moment.step}`;
    cells.set(cell, (cells.get(cell) ?? 0) + 1);
  }
  const known = runs.filter(({ answer }) => answer !== 'unknown');
  const bars = [
    atLeast('cells', short ? 20 : 40, cells.size),
    exactly('runs of each cell, at least', rounds, Math.min(...cells.values())),
    exactly('callers without an answer', 0, runs.length - known.length),
    exactly('stores that disagree', 0, runs.filter(({ seen }) => seen.legacy !== seen.modern).length),
    exactly('transactions in part', 0, runs.filter(({ seen }) => isPart(seen)).length),
    exactly('answers that do not match the outcome', 0, known.filter((run) => !matches(run)).length),
    exactly(
      'branches left',
      0,
      runs.reduce((sum, run) => sum + run.leftBranches, 0),
    ),
    atMost('seconds until a run was finished', boundSeconds, Math.max(...runs.map((run) => run.seconds))),
  ];
  const figures: Figures = {
    runs: runs.length,
    committed: runs.filter(({ answer }) => answer === 'committed').length,
    refused: runs.filter(({ answer }) => answer !== 'committed' && answer !== 'unknown').length,
    slowestSeconds: Object.fromEntries(
      matrixFaults.map((fault) => [
        fault,
        Math.max(0, ...runs.filter((run) => run.fault === fault).map((run) => run.seconds)),
      ]),
    ),
    notSettled: runs
      .filter(({ ok }) => !ok)
      .slice(0, 20)
      .map(
        ({ from, fault, operationId, answer, seen, leftBranches }) =>
          `from ${from}, ${fault}: ${operationId} ${answer}, legacy ${seen.legacy}, modern ${seen.modern}, ${leftBranches} branches`,
      ),
    log,
  };
  return report('matrix', seed, bars, figures);
}

function isPart(seen: Run['seen']): boolean {
  return seen.legacy === 'part' || seen.modern === 'part';
}

function matches({ answer, seen }: Run): boolean {
  return seen.legacy === (answer === 'committed' ? 'all' : 'nothing');
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
