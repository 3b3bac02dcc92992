import { join } from 'node:path';
import { connect } from '../../client/service/connect.ts';
import type { StoreName } from '../../model/failure.ts';
import { isFailureCode } from '../../model/failure-codes.ts';
import type { Phase } from '../../model/phase.ts';
import { advanceTo } from '../../test/support/advance.ts';
import { createDatabasesOn } from '../../test/support/databases.ts';
import { type Contents, legacyContents, modernContents } from '../account/contents.ts';
import { drainBoundSeconds, drained } from '../account/drain.ts';
import { createProofEnvironment } from '../account/environment.ts';
import { faults } from '../account/fault.ts';
import { auditBars, count, findingLines, latencyFigures, writeFigures } from '../account/promised-figures.ts';
import { PromiseLog } from '../account/promises.ts';
import { judge } from '../cutover/oracle.ts';
import { branchesLeft } from '../matrix/transaction.ts';
import { atLeast, atMost, type Conditions, exactly, type Figures, type Report, report } from '../report.ts';
import { Callers } from './callers.ts';
import { isOfTouch, partly, withTouches } from './oracle.ts';
import { kinds, placesOf } from './places.ts';
import { Saboteur } from './saboteur.ts';

const stores: readonly StoreName[] = ['legacy', 'modern'];
const phases: readonly Phase[] = ['dual-write', 'switch-primary'];
const callers = 12;

/**
 * Every way to write meets at few keys, in one phase with each primary, while statements and connections are ended at random in both
 * stores, as an administrator or a limit of a server's does. What was promised is kept, what failed has left nothing, and nothing is
 * left open.
 */
export async function ended({ servers, seed, short, way, note }: Conditions): Promise<Report> {
  const writes = short ? 200 : 4_000;
  const keys = kinds.length * (short ? 3 : 8);
  await using databases = await createDatabasesOn(servers);
  await using environment = await createProofEnvironment({
    servers,
    databases,
    pattern: kinds[0],
    also: kinds.slice(1),
    phase: 'dual-write',
    way,
  });
  const log = new PromiseLog(join(environment.folder, 'promises.jsonl'));
  await using embedded =
    way === 'embedded'
      ? await connect(environment.migration, { environment: environment.environment, worker: 'embedded' })
      : null;
  const lockstep = embedded ?? environment.lockstep;
  const places = placesOf(environment.accounts);
  const working = new Callers({ lockstep, urls: environment.direct, places, log, seed, callers, keys });
  const cut = { legacy: { statements: 0, connections: 0 }, modern: { statements: 0, connections: 0 } };
  let drainSeconds = 0;
  const startedAt = performance.now();
  for (const [round, phase] of phases.entries()) {
    await advanceTo(environment.lockstep, phase);
    const saboteurs = await Promise.all(
      stores.map((store, at) =>
        Saboteur.begin(environment.direct[store], environment.migration.name, seed + 10 * (round + 1) + at),
      ),
    );
    try {
      await working.work(writes);
    } finally {
      await Promise.all(saboteurs.map((saboteur) => saboteur.stop()));
    }
    for (const [at, store] of stores.entries()) {
      cut[store].statements += saboteurs[at]?.ended.statements ?? 0;
      cut[store].connections += saboteurs[at]?.ended.connections ?? 0;
    }
    note(`${phase}: ${log.all().length} writes asked for; ended so far: ${JSON.stringify(cut)}`);
    drainSeconds = Math.max(drainSeconds, await drained(environment.direct, (open) => open.length > 0));
  }
  const seconds = (performance.now() - startedAt) / 1000;

  const suffixes = places.map(({ suffix }) => suffix);
  const contents: Record<StoreName, Contents> = {
    legacy: await legacyContents(environment.direct.legacy, suffixes),
    modern: await modernContents(environment.direct.modern, suffixes),
  };
  const { primary } = await environment.lockstep.control.status();
  const known = withTouches(log, contents, primary, (id) => working.versionOf(id));
  const findings = judge(
    { log, reads: working.reads },
    known,
    primary,
    (key) => working.placeOf(key).kind === 'parallel',
  );
  const parts = partly(working.together, known[primary]);
  const told = log.all().filter(({ operationId }) => !isOfTouch(operationId));
  const failed = told.flatMap(({ operationId, answers }) =>
    answers.flatMap(({ answer, message }) =>
      answer.outcome === 'failed' ? [{ operationId, code: answer.code, message }] : [],
    ),
  );
  const unread = working.reads.flatMap(({ answer }) => (answer && 'error' in answer ? answer.error : []));
  const bars = [
    atLeast('writes asked for', writes * phases.length, log.all().length),
    ...stores.flatMap((store) => [
      atLeast(`statements ended in ${store}`, writes / 20, cut[store].statements),
      atLeast(`connections ended in ${store}`, writes / 40, cut[store].connections),
    ]),
    atLeast('lists', writes / 50, working.counts.lists),
    atLeast('transactions', writes / 50, working.counts.transactions),
    atLeast('touched transactions that committed', writes / 50, working.counts.touches),
    exactly('failures without a type', 0, failed.filter(({ code }) => code === 'Unexpected').length),
    exactly('writes left without an outcome', 0, count(log, 'unknown')),
    exactly('transactions that took effect in part', 0, parts.length),
    exactly('branches left in doubt', 0, await branchesLeft(environment)),
    exactly('reads that failed without a type', 0, unread.filter((error) => !isFailureCode(error)).length),
    ...auditBars(findings, [...faults, 'told', 'read']),
    atMost('seconds until nothing was pending', drainBoundSeconds, drainSeconds),
  ];
  const found = report('ended', seed, bars, {
    way: way ?? 'group',
    seconds: Math.round(seconds),
    ended: cut,
    calls: working.counts,
    writes: writeFigures(log),
    failed: countsOf(failed, ({ code }) => code),
    reads: working.reads.length,
    unread: countsOf(unread, (error) => error),
    touchesFailedBy: countsOf(
      log.all().flatMap(({ operationId, answers }) => (isOfTouch(operationId) ? answers.slice(0, 1) : [])),
      ({ answer, message }) => (answer.outcome === 'acknowledged' ? null : `${answer.outcome}: ${message}`),
    ),
    latencyMs: latencyFigures(told),
    drainSeconds,
    failures: failed.slice(0, 10).map(({ operationId, message }) => `${operationId}: ${message}`),
    inPart: parts.slice(0, 10).map((ids) => ids.join(', ')),
    findings: findingLines(findings),
  });
  if (!found.pass) {
    environment.keepFolder();
    note(`the promises and the worker's log are in ${environment.folder}`);
  }
  return found;
}

function countsOf<T>(all: readonly T[], nameOf: (one: T) => string | null): Figures {
  const named = all.flatMap((one) => nameOf(one) ?? []);
  return Object.fromEntries(
    [...Map.groupBy(named, (name) => name)].map(([name, same]) => [name, same.length]),
  );
}
