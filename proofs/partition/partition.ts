import { join } from 'node:path';
import { Random } from '../../examples/orders/random.ts';
import { routeLeaseMs } from '../../model/phase.ts';
import { defaultSettings } from '../../model/settings.ts';
import { validate } from '../../test/support/advance.ts';
import { createDatabasesOn } from '../../test/support/databases.ts';
import { legacyContents, modernContents } from '../account/contents.ts';
import { drainBoundSeconds, drained } from '../account/drain.ts';
import { createProofEnvironment, type ProofEnvironment } from '../account/environment.ts';
import { faults } from '../account/fault.ts';
import { auditBars, count, findingLines, writeFigures } from '../account/promised-figures.ts';
import { PromiseLog } from '../account/promises.ts';
import { ChangingOperator } from '../cutover/operator.ts';
import { judge } from '../cutover/oracle.ts';
import { spread } from '../cutover/waits.ts';
import { Writers } from '../cutover/writers.ts';
import { atLeast, atMost, type Conditions, exactly, type Report, report } from '../report.ts';
import { beyondLease, type Cut, epochsIn, isBesideCut, type Opened, underOldEpochs } from './oracle.ts';
import { type Participants, participants } from './participants.ts';
import { nameOf, type Round, rounds } from './rounds.ts';
import type { ServiceCall } from './service.ts';

const callers = 8;
const { drainLimitMs } = defaultSettings.phases;
/** As documented in ARCHITECTURE ("The bound"): the drain, asking again, and noticing that a worker is lost. */
const boundMs = drainLimitMs + 1_000 + 5_000;
/** A service finds its ways again: it opens connections anew, and leaves a store alone that was late. */
const recoveryMs = 15_000;

/** One change of the primary beside somebody who was cut off. */
interface Made {
  readonly round: Round;
  readonly ms: number;
}

/**
 * One after the other, a worker and a service lose the stores or Temporal while the primary and the share of reads change to and
 * fro under traffic. Those who are well notice nothing, and who is lost does nothing wrong.
 */
export async function partition(conditions: Conditions): Promise<Report> {
  const { servers, seed, short, note } = conditions;
  const { perSecond = short ? 10 : 20, changes } = conditions;
  await using release = new AsyncDisposableStack();
  const databases = release.use(await createDatabasesOn(servers));
  const environment = release.use(
    await createProofEnvironment({
      servers,
      databases,
      pattern: 'primary-secondary',
      phase: 'switch-reads',
    }),
  );
  const parts = await participants(environment, servers, release);
  const { services } = parts;
  const log = new PromiseLog(join(environment.folder, 'promises.jsonl'));
  const random = new Random(seed + 3);
  const writers = new Writers({
    accountsOf: () => random.pick(services),
    isReadBack: () => true,
    log,
    seed,
    callers,
    perSecond,
  });
  const operator = new ChangingOperator(environment.lockstep.control);
  const cuts: Cut[] = [];
  const opened: Opened[] = [{ epoch: await epochOf(environment), at: 0 }];
  const made: Made[] = [];
  writers.start();
  for (const round of rounds(short, changes ?? null)) {
    await readyToChange(environment, round);
    const ms = await changeBesideCut(environment, parts, { round, operator, cuts, opened, random });
    made.push({ round, ms });
    writers.changed();
    note(`${made.length}: ${nameOf(round)}: ${Math.round(ms)} ms`);
    await pause(random.between(500, 1_500));
  }
  await writers.stop();
  const drainSeconds = await drained(environment.direct, (open) => open.length > 0);

  const { primary } = await environment.lockstep.control.status();
  const contents = {
    legacy: await legacyContents(environment.direct.legacy),
    modern: await modernContents(environment.direct.modern),
  };
  const findings = judge({ log, reads: writers.reads }, contents, primary, () => false);
  const calls = services.flatMap((service) => service.calls);
  const well = calls.filter((call) => !isBesideCut(call, cuts, recoveryMs));
  const errors = well.filter(({ failure }) => failure !== null);
  const late = well.filter((call) => msOf(call) > boundMs);
  const beyond = beyondLease(calls, cuts, routeLeaseMs);
  const old = underOldEpochs(log, await epochsIn(environment.direct), opened);
  const kindsCut = new Set(cuts.map(({ kind, from }) => `${kind} from ${from}`));
  const bars = [
    exactly('changes of the primary', rounds(short, changes ?? null).length, made.length),
    atLeast('kinds of participants that were cut off', Math.min(4, made.length), kindsCut.size),
    exactly('changes that had to be asked for again', 0, asked(operator)),
    atMost('longest change, in ms', boundMs, Math.max(0, ...made.map(({ ms }) => Math.round(ms)))),
    exactly('errors of a service that was not cut off', 0, errors.length),
    exactly('calls of such a service that waited longer than documented', 0, late.length),
    exactly('calls answered by a route whose lease was over', 0, beyond.length),
    exactly('writes under an epoch that was over when they were asked for', 0, old.length),
    exactly('writes left without an outcome', 0, count(log, 'unknown')),
    ...auditBars(findings, [...faults, 'told', 'read']),
    atMost('seconds until nothing was pending', drainBoundSeconds, drainSeconds),
  ];
  const found = report('partition', seed, bars, {
    drainSeconds,
    writes: writeFigures(log),
    reads: calls.filter(({ kind }) => kind === 'read').length,
    readsWithToken: writers.reads.length,
    failedBesideCuts: calls.filter(({ failure }) => failure !== null).length - errors.length,
    changeMs: Object.fromEntries(
      [...Map.groupBy(made, ({ round: { kind, from, how } }) => `${kind} from ${from}, ${how}`)].map(
        ([name, group]) => [name, spread(group.map(({ ms }) => ms))],
      ),
    ),
    callMs: {
      well: spread(well.map(msOf)),
      besideCuts: spread(calls.filter((call) => isBesideCut(call, cuts, 0)).map(msOf)),
    },
    askedAgain: [...operator.refusals].map(([why, times]) => `${times} × ${why}`),
    errors: errors.slice(0, 10).map(({ service, kind, failure }) => `${service}: ${kind}: ${failure}`),
    late: late.slice(0, 10).map((call) => `${call.service}: ${call.kind}: ${msOf(call)} ms`),
    old: old.slice(0, 10),
    findings: findingLines(findings),
  });
  if (!found.pass) {
    environment.keepFolder();
    note(`the promises and the workers' logs are in ${environment.folder}`);
  }
  return found;
}

/** Gives how long the change took. On the way back, the share of reads changes too. */
async function changeBesideCut(
  environment: ProofEnvironment,
  parts: Participants,
  run: { round: Round; operator: ChangingOperator; cuts: Cut[]; opened: Opened[]; random: Random },
): Promise<number> {
  const { round, operator, cuts, opened, random } = run;
  const { kind, from, how, change } = round;
  const { control } = environment.lockstep;
  const lost = kind === 'worker' ? await parts.leader() : random.pick(parts.lost.service);
  const ways = lost.ways[from];
  for (const way of ways) await way[how]();
  const since = Date.now();
  // Some changes come before anybody can have noticed, and some later.
  await pause(random.between(0, 4_000));
  const ms = await operator.make(change, () => undefined);
  opened.push({ epoch: await epochOf(environment), at: Date.now() });
  if (change === 'rollback') await control.setReadPercent(50);
  const enoughMs = kind === 'service' && from === 'stores' ? routeLeaseMs + 2_000 : 1_000;
  await pause(Math.max(0, since + enoughMs - Date.now()));
  const until = Date.now();
  for (const way of ways) await way.restore();
  cuts.push({ name: lost.name, kind, from, how, since, until });
  return ms;
}

/** What the gate of a change asks for, while everybody is well. */
async function readyToChange({ lockstep: { control } }: ProofEnvironment, { change }: Round): Promise<void> {
  if (change === 'rollback') return;
  await control.setReadPercent(100);
  await validate(control);
}

async function epochOf({ lockstep: { control } }: ProofEnvironment): Promise<number> {
  return (await control.status()).epoch;
}

function asked({ refusals }: ChangingOperator): number {
  return [...refusals.values()].reduce((sum, times) => sum + times, 0);
}

function msOf({ askedAt, answeredAt }: ServiceCall): number {
  return answeredAt - askedAt;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
