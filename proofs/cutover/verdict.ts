import type { Pattern } from '../../model/entity.ts';
import { defaultSettings } from '../../model/settings.ts';
import { drainBoundSeconds } from '../account/drain.ts';
import { type CheckResult, faults } from '../account/fault.ts';
import { auditBars, count, findingLines, writeFigures } from '../account/promised-figures.ts';
import type { PromiseLog } from '../account/promises.ts';
import { atLeast, atMost, exactly, type Figures, type Report, report } from '../report.ts';
import type { Changing } from './changing.ts';
import type { Victim } from './strikes.ts';
import { absencesDuring, spread, type Wait, waitFigures, waitsOf } from './waits.ts';
import type { Call, Writers } from './writers.ts';

/** What a run came to. */
export interface Outcome {
  readonly seed: number;
  readonly wanted: number;
  readonly perSecond: number;
  readonly seconds: number;
  readonly drainSeconds: number;
  /** Why it ended too soon; null where it did not. */
  readonly stuck: string | null;
  readonly log: PromiseLog;
  readonly writers: Writers;
  readonly changing: Changing;
  readonly patternOf: (key: string) => Pattern;
  /** A worker that is taken away takes with it the service that callers wait for; they send again what it did not answer. */
  readonly workerIsService: boolean;
  /** Each of which is to be taken away at least once. */
  readonly victims: readonly Victim[];
  readonly branches: number;
  readonly findings: readonly CheckResult[];
}

/** Of the writes: at most five in a hundred are sent again. */
const repeatedShare = 0.03;
const { callerTimeoutMs } = defaultSettings.write;
const { drainLimitMs } = defaultSettings.phases;
/** As documented in ARCHITECTURE ("The bound"). */
const bound = { drainLimitMs, askAgainMs: 1_000, noticeMs: 5_000 };

export function verdict(outcome: Outcome): Report {
  const { seed, wanted, log, writers, changing, victims, drainSeconds, findings, workerIsService } = outcome;
  const { absences } = changing;
  // `callerTimeoutMs` is to be above the drain and the start of a worker; on a busy machine that may take longer.
  const excuses = absences.filter(
    ({ victim, from, to }) =>
      victim !== 'worker' || workerIsService || to - from > callerTimeoutMs - drainLimitMs,
  );
  const isExcused = (call: Parameters<typeof absencesDuring>[0]) => absencesDuring(call, excuses).length > 0;
  const failed = writers.calls.filter(
    ({ answer: { outcome: told } }) => told === 'failed' || told === 'unknown',
  );
  const unread = writers.reads.filter(({ answer }) => answer !== null && 'error' in answer);
  const errors = failed.filter((call) => !isExcused(call));
  const waits = waitsOf(writers.calls, absences, bound);
  const late = waits.filter(({ beyondMs }) => beyondMs > 0);
  const repeated = writers.calls.filter(({ repeat }) => repeat !== null && repeat !== 'after no answer');
  const struck = changing.changed.flatMap((changed) => changed.struck ?? []);
  const bars = [
    exactly('changes of the primary', wanted, changing.changed.length),
    atLeast('changes in which something was taken away', 2, struck.length),
    ...victims.map((victim) =>
      atLeast(`of these, ${victim}`, 1, struck.filter((one) => one.victim === victim).length),
    ),
    atLeast(
      'writes sent again though answered',
      Math.floor(log.all().length * repeatedShare),
      repeated.length,
    ),
    exactly('writes left without an outcome', 0, count(log, 'unknown')),
    ...auditBars(findings, [...faults, 'told', 'read']),
    exactly('errors of a write while the servers were up', 0, errors.length),
    exactly(
      'errors of a read while the servers were up',
      0,
      unread.filter((read) => !isExcused(read)).length,
    ),
    exactly('writes that waited longer than documented', 0, late.length),
    exactly('branches left in doubt', 0, outcome.branches),
    atMost('seconds until nothing was pending', drainBoundSeconds, drainSeconds),
  ];
  return report('cutover', seed, bars, {
    ...trafficFigures(outcome),
    ...changeFigures(changing),
    waitMs: waitFigures(waits),
    unansweredBesideAbsences: failed.length - errors.length,
    stuck: outcome.stuck,
    errors: errors.slice(0, 10).map(errorLine),
    late: late.slice(0, 10).map(lateLine),
    findings: findingLines(findings),
  });
}

function trafficFigures({ seconds, perSecond, drainSeconds, log, writers, patternOf }: Outcome): Figures {
  const rate = (many: number) => Math.round((many / seconds) * 10) / 10;
  return {
    seconds: Math.round(seconds),
    writesPerSecond: rate(log.all().length),
    callsPerSecond: rate(writers.calls.length),
    wantedPerSecond: perSecond,
    drainSeconds,
    writes: writeFigures(log),
    patterns: countsOf(log.all(), ({ key }) => patternOf(key)),
    sent: countsOf(writers.calls, ({ repeat }) => repeat ?? 'first'),
    readsBack: writers.reads.length,
  };
}

function changeFigures({ changed, absences, operator }: Changing): Figures {
  const msOf = (isStruck: boolean) =>
    spread(changed.filter(({ struck }) => (struck !== null) === isStruck).map(({ ms }) => ms));
  return {
    changeMs: { undisturbed: msOf(false), disturbed: msOf(true) },
    takenAway: countsOf(
      changed.flatMap(({ struck }) => struck ?? []),
      ({ victim, step }) => `${victim}, ${step}`,
    ),
    longestAwayMs: Object.fromEntries(
      [...Map.groupBy(absences, ({ victim }) => victim)].map(([victim, all]) => [
        victim,
        Math.max(...all.map(({ from, to }) => to - from)),
      ]),
    ),
    askedAgain: [...operator.refusals].map(([why, times]) => `${times} × ${why}`),
  };
}

function countsOf<T>(all: readonly T[], nameOf: (one: T) => string): Figures {
  return Object.fromEntries([...Map.groupBy(all, nameOf)].map(([name, group]) => [name, group.length]));
}

function errorLine({ operationId, answer, message }: Call): string {
  return `${operationId}: ${answer.outcome}: ${message}`;
}

function lateLine({ call, ms, beyondMs }: Wait): string {
  return `${call.operationId}: ${ms} ms, ${beyondMs} too many`;
}
