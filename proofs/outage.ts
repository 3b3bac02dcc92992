import { join } from 'node:path';
import { createDatabasesOn } from '../test/support/databases.ts';
import { postgresqlOutage } from '../test/support/postgresql-outage.ts';
import { audit } from './account/audit.ts';
import { legacyContents, modernContents } from './account/contents.ts';
import { drainBoundSeconds, drained } from './account/drain.ts';
import { createProofEnvironment } from './account/environment.ts';
import { auditBars, count, findingLines, latencyFigures, writeFigures } from './account/promised-figures.ts';
import { PromiseLog } from './account/promises.ts';
import { Traffic } from './account/traffic.ts';
import { atLeast, atMost, type Conditions, exactly, type Report, report } from './report.ts';

const perSecond = 20;

/** The modern store goes away under traffic: nobody who writes notices, and it catches up by itself. */
export async function outage({ servers, seed, short, proxy: cut, way, note }: Conditions): Promise<Report> {
  const seconds = short ? { before: 3, away: 5, after: 3 } : { before: 10, away: 30, after: 10 };
  await using databases = await createDatabasesOn(servers);
  await using away = await postgresqlOutage(databases.postgresqlUrl, { othersUseIt: cut });
  await using environment = await createProofEnvironment({
    servers,
    databases,
    pattern: 'primary-secondary',
    phase: 'dual-write',
    way,
    through: { modern: away.url },
  });
  const log = new PromiseLog(join(environment.folder, 'promises.jsonl'));
  const accounts = environment.accountsOf(environment.account);
  const traffic = new Traffic({ accounts, log, seed, perSecond, askAgainForMs: 60_000 });

  note(`${perSecond} writes a second; for ${seconds.away} s ${away.what}`);
  traffic.start();
  await wait(seconds.before);
  await away.begin();
  const from = Date.now();
  await wait(seconds.away);
  const to = Date.now();
  await away.end();
  const back = Date.now();
  note('PostgreSQL is back');
  const pending = new Set(log.all().filter(({ askedAt }) => askedAt < back));
  const catchingUp = drained(environment.direct, (open) => {
    for (const promised of pending) {
      if (promised.answers.length > 0 && !open.includes(promised.operationId)) pending.delete(promised);
    }
    return pending.size > 0;
  });
  await wait(seconds.after);
  await traffic.stop();
  const drainSeconds = await catchingUp;
  await drained(environment.direct, (open) => open.length > 0);

  const findings = audit(
    log,
    await legacyContents(environment.direct.legacy),
    await modernContents(environment.direct.modern),
  );
  const asked = log.all().filter(({ askedAt }) => askedAt >= from && askedAt < to);
  const answered = asked.filter(({ answers }) => (answers[0]?.at ?? Number.POSITIVE_INFINITY) < to);
  const failed = log
    .all()
    .filter(({ answers }) =>
      answers.some(({ answer }) => answer.outcome === 'failed' || answer.outcome === 'unknown'),
    );
  const planned = (seconds.before + seconds.away + seconds.after) * perSecond;
  const latencies = (isIn: (askedAt: number) => boolean) =>
    latencyFigures(log.all().filter(({ askedAt }) => isIn(askedAt)));
  const bars = [
    atLeast('writes asked for', planned - 1, log.all().length),
    exactly('calls that failed', 0, failed.length),
    exactly('writes left without an outcome', 0, count(log, 'unknown') + traffic.leftOut),
    // None would be, were they to wait for the store; few are where a short outage meets a machine that does much else.
    atLeast(
      'writes answered while the store was unavailable',
      asked.length / (short ? 10 : 2),
      answered.length,
    ),
    ...auditBars(findings),
    atMost('seconds until nothing was pending', drainBoundSeconds, drainSeconds),
  ];
  const found = report('outage', seed, bars, {
    way: way ?? 'group',
    what: away.what,
    awaySeconds: (back - from) / 1000,
    drainSeconds,
    writes: writeFigures(log),
    latencyMs: {
      before: latencies((askedAt) => askedAt < from),
      away: latencies((askedAt) => askedAt >= from && askedAt < to),
      after: latencies((askedAt) => askedAt >= to),
    },
    mostUnderWay: traffic.mostUnderWay,
    failures: failed
      .slice(0, 5)
      .map(({ operationId, answers }) => `${operationId}: ${answers[0]?.message ?? ''}`),
    findings: findingLines(findings),
  });
  if (!found.pass) {
    environment.keepFolder();
    note(`the promises and the worker's log are in ${environment.folder}`);
  }
  return found;
}

function wait(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}
