import { join } from 'node:path';
import { Random } from '../examples/orders/random.ts';
import { createDatabasesOn } from '../test/support/databases.ts';
import { audit } from './account/audit.ts';
import { legacyContents, modernContents } from './account/contents.ts';
import { drainBoundSeconds, drained } from './account/drain.ts';
import { createProofEnvironment } from './account/environment.ts';
import { auditBars, count, findingLines, latencyFigures, writeFigures } from './account/promised-figures.ts';
import { lastAnswer, PromiseLog } from './account/promises.ts';
import { Traffic } from './account/traffic.ts';
import { atLeast, atMost, type Conditions, exactly, type Report, report } from './report.ts';

const perSecond = 20;

/** The only worker dies again and again, at any moment; what was promised is kept all the same. */
export async function kill({ servers, seed, short, way, note }: Conditions): Promise<Report> {
  const wanted = short ? 3 : 20;
  await using databases = await createDatabasesOn(servers);
  await using environment = await createProofEnvironment({
    servers,
    databases,
    pattern: 'primary-secondary',
    phase: 'dual-write',
    way,
  });
  const log = new PromiseLog(join(environment.folder, 'promises.jsonl'));
  const accounts = environment.accountsOf(environment.account);
  const traffic = new Traffic({ accounts, log, seed, perSecond, askAgainForMs: 120_000 });
  // Apart from that of the traffic, which must not depend on how long a worker takes to start.
  const random = new Random(seed + 1);

  const startedAt = performance.now();
  traffic.start();
  let { worker } = environment;
  let killed = 0;
  for (; killed < wanted; killed++) {
    // From its first breath on: some die before they have taken any work.
    await wait(random.between(1_000, 12_000));
    await worker.kill();
    note(`worker ${killed + 1} of ${wanted} killed, ${log.all().length} writes asked for`);
    await wait(random.between(0, 1_500));
    worker = await environment.startWorker();
  }
  await worker.ready();
  const seconds = (performance.now() - startedAt) / 1000;
  const answered = traffic.stop();
  const drainSeconds = await drained(environment.direct, (open) => open.length > 0 || traffic.underWay > 0);
  await answered;

  const findings = audit(
    log,
    await legacyContents(environment.direct.legacy),
    await modernContents(environment.direct.modern),
  );
  const failed = log.all().filter((promised) => lastAnswer(promised).outcome === 'failed');
  const bars = [
    exactly('workers killed', wanted, killed),
    atLeast('writes asked for', Math.floor(seconds * perSecond) - 1, log.all().length),
    exactly('calls that failed for good', 0, failed.length),
    exactly('writes left without an outcome', 0, count(log, 'unknown') + traffic.leftOut),
    ...auditBars(findings),
    atMost('seconds until nothing was pending', drainBoundSeconds, drainSeconds),
  ];
  const found = report('kill', seed, bars, {
    way: way ?? 'group',
    kills: killed,
    seconds: Math.round(seconds),
    drainSeconds,
    writes: writeFigures(log),
    latencyMs: latencyFigures(log.all()),
    mostUnderWay: traffic.mostUnderWay,
    failures: failed
      .slice(0, 5)
      .map(({ operationId, answers }) => `${operationId}: ${answers.at(-1)?.message ?? ''}`),
    findings: findingLines(findings),
  });
  if (!found.pass) {
    environment.keepFolder();
    note(`the promises and the worker's log are in ${environment.folder}`);
  }
  return found;
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
