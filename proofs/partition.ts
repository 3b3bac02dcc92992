import { join } from 'node:path';
import { connect, type Lockstep } from '../client/service/connect.ts';
import { Random } from '../examples/orders/random.ts';
import { routeLeaseMs } from '../model/phase.ts';
import { validate } from '../test/support/advance.ts';
import { connecting, createDatabasesOn } from '../test/support/databases.ts';
import { proxy } from '../test/support/proxy.ts';
import { WorkerProcess } from '../test/support/worker-process.ts';
import { audit } from './account/audit.ts';
import { legacyContents, modernContents } from './account/contents.ts';
import { drainBoundSeconds, drained } from './account/drain.ts';
import { createProofEnvironment, type ProofEnvironment } from './account/environment.ts';
import { migrationFrom } from './account/migration.ts';
import { auditBars, count, findingLines, latencyFigures, writeFigures } from './account/promised-figures.ts';
import { lastAnswer, PromiseLog } from './account/promises.ts';
import { Traffic, type Writer } from './account/traffic.ts';
import { atMost, type Conditions, exactly, type Report, report } from './report.ts';

const perSecond = 2;
const changeWithinMs = 120_000;

/**
 * A service and a worker lose both stores, which hold the route, while the primary changes; what they had sent arrives when they
 * have them back. A worker and a service that are well go on. Nothing commits where it must not, and the lost service reads by no
 * route that is older than its lease.
 */
export async function partition({ servers, seed, short, note }: Conditions): Promise<Report> {
  const wanted = short ? 2 : 12;
  await using databases = await createDatabasesOn(servers);
  await using environment = await createProofEnvironment({
    servers,
    databases,
    pattern: 'primary-secondary',
    phase: 'switch-reads',
  });
  await using legacy = await proxy(environment.direct.legacy);
  await using modern = await proxy(environment.direct.modern);
  const behind = {
    ...environment.environment,
    ...connecting({ legacy: legacy.url, modern: modern.url }, servers),
  };
  await using resources = new AsyncDisposableStack();
  const worker = await WorkerProcess.start(behind, join(environment.folder, 'cut-off.log'));
  resources.defer(() => worker.stop());
  await worker.ready();
  const cutOff = resources.use(
    await connect(migrationFrom(behind), { environment: behind, temporal: environment.temporal }),
  );
  const log = new PromiseLog(join(environment.folder, 'promises.jsonl'));
  const random = new Random(seed + 1);
  const accounts = eitherOf([environment.lockstep, cutOff], environment, random);
  const traffic = new Traffic({ accounts, log, seed, perSecond, askAgainForMs: 180_000 });
  traffic.start();
  let changed = 0;
  let staleReads = 0;
  let hung = 0;
  const changeMs: number[] = [];
  for (; changed < wanted; changed++) {
    await readyToChange(environment);
    const key = log.all().at(-1)?.key ?? '';
    await cutOff.repository(environment.account).get(key);
    const isHole = random.chance(0.5);
    if (isHole) hung += 1;
    for (const way of [legacy, modern]) await (isHole ? way.hang() : way.cut());
    const cutAt = performance.now();
    const from = await environment.lockstep.control.status();
    await change(environment);
    changeMs.push(Math.round(performance.now() - cutAt));
    note(
      `change ${changed + 1} of ${wanted} from ${from.phase}, cut off by ${isHole ? 'a hole' : 'a cut'}, ${changeMs.at(-1)} ms`,
    );
    await pause(Math.max(0, routeLeaseMs + 500 - (performance.now() - cutAt)));
    if (await isAnswered(cutOff, environment, key)) staleReads += 1;
    await legacy.restore();
    await modern.restore();
    await pause(random.between(500, 3_000));
  }
  const answered = traffic.stop();
  const drainSeconds = await drained(environment.direct, (open) => open.length > 0 || traffic.underWay > 0);
  await answered;

  const { primary } = await environment.lockstep.control.status();
  const contents = {
    legacy: await legacyContents(environment.direct.legacy),
    modern: await modernContents(environment.direct.modern),
  };
  const findings = audit(log, contents[primary], contents[primary === 'legacy' ? 'modern' : 'legacy']);
  const bars = [
    exactly('changes of primary', wanted, changed),
    exactly(
      'calls that failed for another reason than stores that cannot be reached',
      0,
      failedOtherwise(log),
    ),
    exactly('writes left without an outcome', 0, count(log, 'unknown') + traffic.leftOut),
    exactly('reads answered by a route whose lease was over', 0, staleReads),
    ...auditBars(findings),
    atMost('seconds until nothing was pending', drainBoundSeconds, drainSeconds),
  ];
  const found = report('partition', seed, bars, {
    changed,
    hung,
    changeMs: changeMs.map(String),
    drainSeconds,
    writes: writeFigures(log),
    latencyMs: latencyFigures(log.all()),
    findings: findingLines(findings),
  });
  if (!found.pass) {
    environment.keepFolder();
    note(`the promises and the workers' logs are in ${environment.folder}`);
  }
  return found;
}

/** The lost service refuses writes when its lease is over, before anything has begun. */
function failedOtherwise(log: PromiseLog): number {
  return log.all().filter((promised) => {
    const answer = lastAnswer(promised);
    return answer.outcome === 'failed' && answer.code !== 'StoreUnavailable';
  }).length;
}

/** Each call goes by one of the services; a write that is sent again may go by the other. */
function eitherOf(services: readonly Lockstep[], { account }: ProofEnvironment, random: Random): Writer {
  const repositories = services.map((service) => service.repository(account));
  const either = () => random.pick(repositories);
  return {
    create: (value, options) => either().create(value, options),
    replace: (value, options) => either().replace(value, options),
    update: (key, patch, options) => either().update(key, patch, options),
    delete: (key, options) => either().delete(key, options),
  };
}

/** What the gate of a change asks for, while everything is well. */
async function readyToChange({ lockstep: { control } }: ProofEnvironment): Promise<void> {
  if ((await control.status()).phase !== 'switch-reads') return;
  await control.setReadPercent(100);
  await validate(control);
}

/** A change that the lost worker had begun is given up after a while, and made by the other one. */
async function change({ lockstep: { control } }: ProofEnvironment): Promise<void> {
  const { phase } = await control.status();
  const until = Date.now() + changeWithinMs;
  for (;;) {
    try {
      await control.send(phase === 'switch-reads' ? 'advance' : 'rollback');
      return;
    } catch (error) {
      if ((await control.status()).phase !== phase) return;
      if (Date.now() > until) throw error;
      await pause(500);
    }
  }
}

async function isAnswered(service: Lockstep, { account }: ProofEnvironment, key: string): Promise<boolean> {
  try {
    await service.repository(account).get(key);
    return true;
  } catch {
    return false;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
