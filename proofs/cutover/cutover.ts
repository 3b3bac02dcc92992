import { join } from 'node:path';
import { Random } from '../../examples/orders/random.ts';
import type { Pattern } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import { direct } from '../../test/databases/direct.ts';
import { auditOutcomes } from '../account/audit.ts';
import { type Contents, legacyContents, modernContents } from '../account/contents.ts';
import { drainBoundSeconds, drained } from '../account/drain.ts';
import { createProofEnvironment, type ProofEnvironment } from '../account/environment.ts';
import { type CheckResult, type Find, faults } from '../account/fault.ts';
import { suffixOf } from '../account/migration.ts';
import { auditBars, count, findingLines, writeFigures } from '../account/promised-figures.ts';
import { PromiseLog } from '../account/promises.ts';
import { branchesAt } from '../matrix/transaction.ts';
import { atLeast, type Conditions, exactly, type Report, report } from '../report.ts';
import { type Change, ChangingOperator, Stuck } from './operator.ts';
import { checkAnswers, checkReads, checkWitnesses } from './oracle.ts';
import { ownPlace, sharedPlace } from './servers.ts';
import { reached, type Step, steps } from './steps.ts';
import { type Absence, type Strike, strikeWith, workerStrike } from './strikes.ts';
import { absencesDuring, spread, waitFigures, waitsOf } from './waits.ts';
import { Writers } from './writers.ts';

const patterns: readonly [Pattern, ...Pattern[]] = [
  'primary-secondary',
  'parallel',
  'flag-controlled',
  'transactional',
];
const callers = 8;
const strikeShare = 0.5;
/** Of the writes: some are drawn late and not sent again before the end. */
const repeatedShare = 0.03;
const drainLimitMs = 20_000;
const askAgainMs = 1_000;
const noticeMs = 5_000;

/** One change of the primary. */
interface Changed {
  readonly change: Change;
  readonly ms: number;
  readonly struck: { readonly victim: Absence['victim']; readonly step: Step } | null;
}

/**
 * The primary changes to and fro under traffic of all patterns, while worker and servers are killed in the middle of it, and
 * writes are sent again later: nobody notices, and nothing is lost, doubled, brought back or told wrongly.
 */
export async function cutover(conditions: Conditions): Promise<Report> {
  const { servers, seed, short, proxy, note } = conditions;
  const { changes: wanted = short ? 4 : 200, perSecond = short ? 20 : 50 } = conditions;
  await using release = new AsyncDisposableStack();
  const place = short || proxy ? await sharedPlace(release, servers) : await ownPlace(release, note);
  const environment = release.use(
    await createProofEnvironment({
      ...place,
      pattern: patterns[0],
      also: patterns.slice(1),
      phase: 'switch-reads',
    }),
  );
  const { control } = environment.lockstep;
  await control.setReadPercent(100);
  const log = new PromiseLog(join(environment.folder, 'promises.jsonl'));
  const patternOf = (key: string) => patterns[patternAt(key)] ?? patterns[0];
  const repositories = environment.accounts.map((account) => environment.lockstep.repository(account));
  const [first] = repositories;
  if (!first) throw new TypeError('there are accounts');
  const writers = new Writers({
    accountsOf: (key) => repositories[patternAt(key)] ?? first,
    // A reader of the store that does not decide may see what a parallel write has left there tentatively.
    isReadBack: (key) => patternOf(key) !== 'parallel',
    log,
    seed,
    callers,
    perSecond,
  });

  const changing = new Changing(environment, [workerStrike(environment), ...place.strikes], conditions);
  const startedAt = performance.now();
  writers.start();
  const stuck = await changing.run(wanted, short ? 2 : null, () => writers.changed());
  const seconds = (performance.now() - startedAt) / 1000;
  await writers.stop();
  const drainSeconds = await drained(environment.direct, (open) => open.length > 0);

  const { primary } = await control.status();
  const suffixes = ['', ...patterns.slice(1).map(suffixOf)];
  const contents = {
    legacy: await legacyContents(environment.direct.legacy, suffixes),
    modern: await modernContents(environment.direct.modern, suffixes),
  };
  const findings = judge(log, contents, primary, writers, (key) => patternOf(key) === 'parallel');
  const { absences } = changing;
  const outages = absences.filter(({ victim }) => victim !== 'worker');
  const waits = waitsOf(writers.calls, absences, { drainLimitMs, askAgainMs, noticeMs });
  const unjust = writers.calls.filter(
    (call) =>
      (call.answer.outcome === 'failed' || call.answer.outcome === 'unknown') &&
      absencesDuring(call, outages).length === 0,
  );
  const unread = writers.reads.filter(
    (read) => read.answer !== null && 'error' in read.answer && absencesDuring(read, outages).length === 0,
  );
  const late = waits.filter(({ beyondMs }) => beyondMs > 0);
  const repeated = writers.calls.filter(({ repeat }) => repeat !== null && repeat !== 'after no answer');
  const struck = changing.changed.flatMap((changed) => changed.struck ?? []);
  const bars = [
    exactly('changes of the primary', wanted, changing.changed.length),
    ...(short
      ? [exactly('changes in which something was taken away', 2, struck.length)]
      : [
          ...['worker', 'temporal', 'legacy', 'modern'].map((victim) =>
            atLeast(
              `${victim} taken away, times`,
              proxy && victim === 'temporal' ? 0 : 1,
              countOf(struck, victim),
            ),
          ),
        ]),
    atLeast(
      'writes sent again though answered',
      Math.floor(log.all().length * repeatedShare),
      repeated.length,
    ),
    exactly('writes left without an outcome', 0, count(log, 'unknown')),
    ...auditBars(findings, [...faults, 'told', 'read']),
    exactly('errors of a write while the servers were up', 0, unjust.length),
    exactly('errors of a read while the servers were up', 0, unread.length),
    exactly('writes that waited longer than documented', 0, late.length),
    exactly('branches left in doubt', 0, await branches(environment)),
    exactly(
      'seconds until nothing was pending, within the bound',
      'yes',
      drainSeconds <= drainBoundSeconds ? 'yes' : 'no',
    ),
  ];
  const found = report('cutover', seed, bars, {
    seconds: Math.round(seconds),
    writesPerSecond: Math.round((log.all().length / seconds) * 10) / 10,
    callsPerSecond: Math.round((writers.calls.length / seconds) * 10) / 10,
    wantedPerSecond: perSecond,
    drainSeconds,
    writes: writeFigures(log),
    patterns: Object.fromEntries(
      patterns.map((pattern) => [pattern, log.all().filter(({ key }) => patternOf(key) === pattern).length]),
    ),
    sentAgain: Object.fromEntries(
      [...Map.groupBy(writers.calls, ({ repeat }) => repeat ?? 'first')].map(([name, all]) => [
        name,
        all.length,
      ]),
    ),
    readsBack: writers.reads.length,
    changeMs: {
      undisturbed: spread(changing.changed.filter((changed) => !changed.struck).map(({ ms }) => ms)),
      disturbed: spread(changing.changed.filter((changed) => changed.struck).map(({ ms }) => ms)),
    },
    takenAway: Object.fromEntries(
      [...Map.groupBy(struck, ({ victim, step }) => `${victim}, ${step}`)].map(([name, all]) => [
        name,
        all.length,
      ]),
    ),
    waitMs: waitFigures(waits),
    longestAway: Object.fromEntries(
      [...Map.groupBy(absences, ({ victim }) => victim)].map(([name, all]) => [
        name,
        Math.max(...all.map(({ from, to }) => to - from)),
      ]),
    ),
    unknownBesideOutages:
      writers.calls.filter(({ answer }) => answer.outcome === 'unknown').length - unjust.length,
    askedAgain: [...changing.operator.refusals].map(([why, times]) => `${times} × ${why}`),
    stuck,
    errors: unjust
      .slice(0, 10)
      .map(({ operationId, answer, message }) => `${operationId}: ${JSON.stringify(answer)} ${message}`),
    late: late
      .slice(0, 10)
      .map(({ call, ms, beyondMs }) => `${call.operationId}: ${ms} ms, ${beyondMs} too many`),
    findings: findingLines(findings),
  });
  if (!found.pass) {
    environment.keepFolder();
    note(`the promises and the worker's log are in ${environment.folder}`);
  }
  return found;
}

function patternAt(key: string): number {
  return Number.parseInt(key.slice(-1), 16) % patterns.length;
}

function judge(
  log: PromiseLog,
  contents: Readonly<Record<StoreName, Contents>>,
  primary: StoreName,
  { reads }: Writers,
  isTentative: (key: string) => boolean,
): CheckResult[] {
  const findings: CheckResult[] = [];
  const find: Find = (fault, about, why) => findings.push({ fault, about, why });
  const secondary = primary === 'legacy' ? contents.modern : contents.legacy;
  const effects = auditOutcomes(log, contents[primary], secondary, find, isTentative);
  checkAnswers(log, contents[primary], find);
  checkReads(reads, effects, find);
  checkWitnesses(log, effects, [contents.legacy, contents.modern], isTentative, find);
  return findings;
}

/** Goes to and fro, and takes something away in some of the changes. */
class Changing {
  readonly operator: ChangingOperator;
  readonly changed: Changed[] = [];
  readonly absences: Absence[] = [];
  readonly #environment: ProofEnvironment;
  readonly #strikes: readonly Strike[];
  readonly #random: Random;
  readonly #note: Conditions['note'];

  constructor(environment: ProofEnvironment, strikes: readonly Strike[], { seed, note }: Conditions) {
    this.operator = new ChangingOperator(environment.lockstep.control);
    this.#environment = environment;
    this.#strikes = strikes;
    this.#random = new Random(seed + 2);
    this.#note = note;
  }

  /**
   * Gives why it came to an end too soon; null where it did not.
   *
   * @param fixed how many of the first changes are struck, one victim after the other; null draws which
   */
  async run(wanted: number, fixed: number | null, changed: () => void): Promise<string | null> {
    for (let number = 0; number < wanted; number++) {
      await pause(this.#random.between(300, 1_500));
      const change = number % 2 === 0 ? 'advance' : 'rollback';
      const isStruck = fixed === null ? this.#random.chance(strikeShare) : number >= 1 && number <= fixed;
      const struck = this.changed.filter((one) => one.struck !== null).length;
      const strike = this.#strikes[struck % this.#strikes.length];
      const step = this.#random.pick(steps);
      const delayMs = this.#random.between(0, 200);
      const awayMs = this.#random.between(0, 1_500);
      try {
        const ms = await this.#one(change, isStruck && strike ? { strike, step, delayMs, awayMs } : null);
        this.changed.push({
          change,
          ms,
          struck: isStruck && strike ? { victim: strike.victim, step } : null,
        });
        const what = isStruck && strike ? `, ${strike.victim} taken away once ${step}` : '';
        this.#note(`${number + 1} of ${wanted}: ${change} in ${Math.round(ms)} ms${what}`);
        changed();
      } catch (error) {
        if (!(error instanceof Stuck)) throw error;
        return error.message;
      }
    }
    return null;
  }

  async #one(
    change: Change,
    blow: { strike: Strike; step: Step; delayMs: number; awayMs: number } | null,
  ): Promise<number> {
    let isOver = false;
    const asked = Promise.withResolvers<void>();
    const striking = (async () => {
      if (!blow) return;
      await asked.promise;
      const from = change === 'advance' ? 'legacy' : 'modern';
      await reached(blow.step, from, this.#environment.direct, () => isOver);
      await pause(blow.delayMs);
      this.absences.push(await strikeWith(blow.strike, blow.awayMs));
    })();
    try {
      return await this.operator.make(change, asked.resolve);
    } finally {
      isOver = true;
      asked.resolve();
      await striking;
    }
  }
}

function countOf(struck: readonly { readonly victim: string }[], victim: string): number {
  return struck.filter((one) => one.victim === victim).length;
}

/** Of transactions that no store has ended. */
async function branches({ direct: urls, environment }: ProofEnvironment): Promise<number> {
  let left = 0;
  for (const url of [urls.legacy, urls.modern]) {
    const at = await direct(url);
    left += (await branchesAt(at, url, environment.LOCKSTEP_PROOF_MIGRATION ?? '')).length;
    await at.end();
  }
  return left;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
