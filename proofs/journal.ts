import { join } from 'node:path';
import { WorkflowNotFoundError } from '@temporalio/client';
import { createDatabasesOn } from '../test/support/databases.ts';
import { lockstep } from '../test/support/process.ts';
import { until } from '../test/support/until.ts';
import { audit } from './account/audit.ts';
import { legacyContents, modernContents, openIds, withLegacy } from './account/contents.ts';
import { createProofEnvironment, type ProofEnvironment } from './account/environment.ts';
import { auditBars, count, findingLines, latencyFigures, writeFigures } from './account/promised-figures.ts';
import { PromiseLog } from './account/promises.ts';
import { Traffic } from './account/traffic.ts';
import { atLeast, type Conditions, exactly, type Report, report } from './report.ts';
import { beginInjecting, endInjecting } from './support/injection.ts';

const callers = 24;
/** Deletes set no mark, and of several writes of one key only the newest goes to the secondary: so far fewer than one in eight. */
const minShare = 0.03;
const patienceMs = 120_000;

/**
 * The secondary refuses one write in twenty while they come in, and half of the workflows that are left waiting are lost. One
 * `journal retry` later everything that was promised is in both stores, once.
 */
export async function journal({ servers, seed, short, way, note }: Conditions): Promise<Report> {
  const writes = short ? 200 : 10_000;
  await using databases = await createDatabasesOn(servers);
  await using environment = await createProofEnvironment({
    servers,
    databases,
    pattern: 'primary-secondary',
    phase: 'dual-write',
    way,
  });
  await beginInjecting(environment.direct.modern);
  const log = new PromiseLog(join(environment.folder, 'promises.jsonl'));
  const accounts = environment.accountsOf(environment.account);
  const traffic = new Traffic({ accounts, log, seed, askAgainForMs: patienceMs });
  const startedAt = performance.now();
  await traffic.executeTransaction(writes, callers);
  const seconds = (performance.now() - startedAt) / 1000;
  note(`${writes} writes answered in ${Math.round(seconds)} s`);

  await until(
    'every write that is pending has been refused',
    async () => (await untried(environment)) === 0,
    patienceMs,
  );
  const open = await openIds(environment.direct.legacy, environment.direct.modern);
  const lost = await loseWorkflows(environment, open);
  await endInjecting(environment.direct.modern);
  note(`${open.length} writes are pending or parked, the workflows of ${lost} are lost`);

  const retriedAt = performance.now();
  const { code, stdout, stderr } = await lockstep(
    ['journal', 'retry', '--parked', '--yes', '--json'],
    environment.environment,
  );
  const retrySeconds = (performance.now() - retriedAt) / 1000;
  note(stdout || stderr);
  await until('the workflows have ended', async () => (await runningWrites(environment)) === 0, patienceMs);

  const [legacy, modern] = [
    await legacyContents(environment.direct.legacy),
    await modernContents(environment.direct.modern),
  ];
  const findings = audit(log, legacy, modern);
  const statuses = Object.fromEntries(
    [...Map.groupBy(legacy.journal, ({ status }) => status)].map(([status, entries]) => [
      status,
      entries.length,
    ]),
  );
  const tried = await triedAgain(environment);
  const found = report(
    'journal',
    seed,
    [
      exactly('writes asked for', writes, log.all().length),
      exactly('writes left without an outcome', 0, count(log, 'unknown') + count(log, 'failed')),
      atLeast('writes that the secondary refused', Math.floor(writes * minShare), open.length),
      exactly('exit code of journal retry', 0, code ?? 'ended by a signal'),
      exactly('acknowledged writes that are completed', count(log, 'acknowledged'), statuses.completed ?? 0),
      atLeast('writes whose tries the journal counts', open.length, tried),
      ...auditBars(findings),
    ],
    {
      way: way ?? 'group',
      seconds: Math.round(seconds),
      writesPerSecond: Math.round(writes / seconds),
      workflowsLost: lost,
      retrySeconds: Math.round(retrySeconds * 10) / 10,
      journal: statuses,
      writes: writeFigures(log),
      latencyMs: latencyFigures(log.all()),
      findings: findingLines(findings),
    },
  );
  if (!found.pass) {
    environment.keepFolder();
    note(`the promises and the worker's log are in ${environment.folder}`);
  }
  return found;
}

/** Owed writes of which no try has failed yet. */
async function untried({ direct }: ProofEnvironment): Promise<number> {
  return await counted(direct.legacy, "status = 'pending' AND failure IS NULL");
}

/** Completed writes that took more than one try. */
async function triedAgain({ direct }: ProofEnvironment): Promise<number> {
  return await counted(direct.legacy, "status = 'completed' AND failure IS NOT NULL AND attempts > 1");
}

async function counted(url: string, where: string): Promise<number> {
  const [row] = await withLegacy(url, (query) =>
    query(`SELECT COUNT(*) AS found FROM lockstep_operations WHERE ${where}`),
  );
  return Number(row?.found);
}

/** Every second one of them. */
async function loseWorkflows(
  { temporal, environment }: ProofEnvironment,
  ids: readonly string[],
): Promise<number> {
  let lost = 0;
  for (const id of ids.filter((_, index) => index % 2 === 0)) {
    const workflowId = `write/${environment.LOCKSTEP_PROOF_MIGRATION}/${id}`;
    try {
      await temporal.workflow.getHandle(workflowId).terminate('lost');
      lost += 1;
    } catch (error) {
      // A newer write of its key has brought it along meanwhile.
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }
  return lost;
}

async function runningWrites({ temporal, environment }: ProofEnvironment): Promise<number> {
  const { count: running } = await temporal.workflow.count(
    `LockstepMigration = '${environment.LOCKSTEP_PROOF_MIGRATION}' AND WorkflowType = 'write' AND ExecutionStatus = 'Running'`,
  );
  return running;
}
