import { join } from 'node:path';
import type { Pattern } from '../../model/entity.ts';
import { legacyContents, modernContents } from '../account/contents.ts';
import { drained } from '../account/drain.ts';
import { createProofEnvironment } from '../account/environment.ts';
import { suffixOf } from '../account/migration.ts';
import { PromiseLog } from '../account/promises.ts';
import { branchesLeft } from '../matrix/transaction.ts';
import type { Conditions, Report } from '../report.ts';
import { Changing } from './changing.ts';
import { judge } from './oracle.ts';
import { ownPlace, sharedPlace } from './servers.ts';
import { workerStrike } from './strikes.ts';
import { verdict } from './verdict.ts';
import { Writers } from './writers.ts';

const patterns: readonly [Pattern, ...Pattern[]] = [
  'primary-secondary',
  'parallel',
  'flag-controlled',
  'transactional',
];
const callers = 8;

/**
 * The primary changes to and fro under traffic of all patterns, while worker and servers are killed in the middle of it, and
 * writes are sent again later: nobody notices, and nothing is lost, doubled, brought back or told wrongly.
 */
export async function cutover(conditions: Conditions): Promise<Report> {
  const { servers, seed, short, proxy, way, note } = conditions;
  const { changes: wanted = short ? 4 : 200, perSecond = short ? 20 : 50 } = conditions;
  await using release = new AsyncDisposableStack();
  const place = short || proxy ? await sharedPlace(release, servers) : await ownPlace(release, note);
  const environment = release.use(
    await createProofEnvironment({
      ...place,
      pattern: patterns[0],
      also: patterns.slice(1),
      phase: 'switch-reads',
      way,
    }),
  );
  const { control } = environment.lockstep;
  await control.setReadPercent(100);
  const log = new PromiseLog(join(environment.folder, 'promises.jsonl'));
  const repositories = environment.accounts.map((account) => environment.accountsOf(account));
  const [first] = repositories;
  if (!first) throw new TypeError('there are accounts');
  const isParallel = (key: string) => patternOf(key) === 'parallel';
  const writers = new Writers({
    accountsOf: (key) => repositories[placeOf(key)] ?? first,
    // A reader of the store that does not decide may see what a parallel write has left there tentatively.
    isReadBack: (key) => !isParallel(key),
    log,
    seed,
    callers,
    perSecond,
  });

  const strikes = [workerStrike(environment), ...place.strikes];
  const changing = new Changing(environment, strikes, conditions);
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
  const found = verdict({
    seed,
    wanted,
    perSecond,
    seconds,
    drainSeconds,
    stuck,
    log,
    writers,
    changing,
    patternOf,
    workerIsService: way === 'embedded',
    // Those of the short form are too few for each to be taken away.
    victims: short ? [] : strikes.map(({ victim }) => victim),
    branches: await branchesLeft(environment),
    findings: judge({ log, reads: writers.reads }, contents, primary, isParallel),
  });
  if (!found.pass) {
    environment.keepFolder();
    note(`the promises and the worker's log are in ${environment.folder}`);
  }
  return found;
}

function patternOf(key: string): Pattern {
  return patterns[placeOf(key)] ?? patterns[0];
}

function placeOf(key: string): number {
  return Number.parseInt(key.slice(-1), 16) % patterns.length;
}
