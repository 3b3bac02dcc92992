import { mysql } from '../../deploy/dev/mysql.ts';
import { postgresql } from '../../deploy/dev/postgresql.ts';
import type { Pattern } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import { type Direct, direct } from '../../test/databases/direct.ts';
import { copyOfTables } from '../../test/support/copy-of-store.ts';
import { createDatabasesOn } from '../../test/support/databases.ts';
import { auditBars, findingLines } from '../account/promised-figures.ts';
import { type Conditions, exactly, type Report, report } from '../report.ts';
import { ownServer } from '../support/own-server.ts';
import { type CopyStore, type Outcome, Round } from './round.ts';
import { nameOf, patterns, type Scenario, scenarios } from './scenarios.ts';

type Done = Outcome & { readonly scenario: string };

/**
 * Each store is put back to an older copy of its data folder, in each phase. It is told at once, and after the documented remedy
 * nothing is gone that either store still had. The short form puts back the rows of a database on shared servers.
 */
export async function restore(conditions: Conditions): Promise<Report> {
  const done = conditions.short ? await shortForm(conditions) : await fullForm(conditions);
  const sum = (of: (one: Done) => number) => done.reduce((total, one) => total + of(one), 0);
  const lines = (of: (one: Done) => readonly string[]) =>
    done.flatMap((one) => of(one).map((line) => `${one.scenario}, ${one.pattern}: ${line}`));
  const bars = [
    exactly('scenarios', conditions.short ? 2 : chosenFrom(conditions).length * patterns.length, done.length),
    exactly(
      'places that did not tell',
      0,
      sum(({ silent }) => silent.length),
    ),
    exactly(
      'writes that a set-back primary took',
      0,
      sum(({ taken }) => taken),
    ),
    exactly(
      'routes that went back',
      0,
      sum(({ regressed }) => regressed.length),
    ),
    exactly(
      'writes that a journal still had, and that took effect again when sent again',
      0,
      sum(({ twice }) => twice),
    ),
    ...auditBars(done.flatMap(({ findings }) => findings)),
  ];
  return report('restore', conditions.seed, bars, {
    writes: sum(({ writes }) => writes),
    sentAgain: sum(({ sentAgain }) => sentAgain),
    idsThatNoJournalHad: sum(({ forgotten }) => forgotten),
    silent: lines(({ silent }) => silent),
    regressed: lines(({ regressed }) => regressed),
    findings: lines(({ findings }) => findingLines(findings)).slice(0, 30),
    twice: lines(({ twice }) => (twice > 0 ? [String(twice)] : [])),
  });
}

function chosenFrom({ only }: Conditions): readonly Scenario[] {
  return scenarios.filter((scenario) => only === undefined || nameOf(scenario).includes(only));
}

async function fullForm(conditions: Conditions): Promise<Done[]> {
  const { note } = conditions;
  const chosen = chosenFrom(conditions);
  await using legacy = await ownServer(mysql, note);
  await using modern = await ownServer(postgresql, note);
  const own = { legacy, modern };
  const servers = { ...conditions.servers, mysql: legacy.endpoint, postgresql: modern.endpoint };
  const done: Done[] = [];
  for (const scenario of chosen) {
    const rounds = await carriedOut({ ...conditions, servers }, scenario, patterns, (store) =>
      own[store].copy(),
    );
    done.push(...rounds);
  }
  return done;
}

/** What decides first of all, and what is decided elsewhere since the copy. */
const shortScenarios: readonly [Scenario, Pattern][] = [
  [{ copiedIn: 'validate', restoredIn: 'validate', store: 'legacy' }, 'primary-secondary'],
  [{ copiedIn: 'dual-write', restoredIn: 'switch-reads', store: 'modern' }, 'parallel'],
];

async function shortForm(conditions: Conditions): Promise<Done[]> {
  const rounds = shortScenarios.map(([scenario, pattern]) =>
    carriedOut(conditions, scenario, [pattern], async (store, [round]) => {
      if (!round) throw new Error('there is no migration to copy');
      const url = round.urls[store];
      const [engine, table] = store === 'legacy' ? ['mysql', 'acct'] : ['postgresql', 'accounts'];
      const putBack = await connected(url, (rows) => copyOfTables(rows, engine, [table]));
      return () =>
        connected(url, async (rows) => {
          await putBack(rows);
          await endOtherSessions(rows, engine);
        });
    }),
  );
  return (await Promise.all(rounds)).flat();
}

/** A server that is put back was down. */
async function endOtherSessions(rows: Direct['rows'], engine: string): Promise<void> {
  if (engine === 'postgresql') {
    await rows(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    return;
  }
  const sessions = await rows(
    'SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()',
  );
  // It may have ended by itself.
  for (const { id } of sessions) await rows(`KILL ${id}`).catch(() => []);
}

async function connected<T>(url: string, work: (rows: Direct['rows']) => Promise<T>): Promise<T> {
  const at = await direct(url);
  try {
    return await work(at.rows);
  } finally {
    await at.end();
  }
}

/** A server is put back as a whole, and with it all migrations that it has. */
async function carriedOut(
  conditions: Conditions,
  scenario: Scenario,
  which: readonly Pattern[],
  copy: (store: StoreName, rounds: readonly Round[]) => ReturnType<CopyStore>,
): Promise<Done[]> {
  const { servers, seed, note } = conditions;
  await using release = new AsyncDisposableStack();
  const rounds = await Promise.all(
    which.map(async (pattern) => {
      const databases = release.use(await createDatabasesOn(servers));
      return release.use(await Round.begin({ servers }, databases, scenario, { pattern, seed }));
    }),
  );
  const putBack = await copy(scenario.store, rounds);
  await Promise.all(rounds.map((round) => round.goOn()));
  await putBack();
  await Promise.all(rounds.map((round) => round.look()));
  const outcomes = await Promise.all(rounds.map((round) => round.mend()));
  const bad = outcomes.filter(
    ({ findings, silent, taken, twice, regressed }) =>
      findings.length + silent.length + taken + twice + regressed.length > 0,
  );
  note(
    `${nameOf(scenario)}: ${bad.length === 0 ? 'nothing lost' : bad.map((one) => JSON.stringify(one)).join('\n')}`,
  );
  if (bad.length > 0) for (const round of rounds) note(`the promises are in ${round.keep()}`);
  return outcomes.map((outcome) => ({ ...outcome, scenario: nameOf(scenario) }));
}
