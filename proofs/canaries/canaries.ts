import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { createProgram } from '../../cli/program.ts';
import { connectTemporal } from '../../client/temporal/connection.ts';
import { endMigration } from '../../test/support/end-migration.ts';
import { freePort } from '../../test/support/free-port.ts';
import { WorkerProcess } from '../../test/support/worker-process.ts';
import { atLeast, type Conditions, exactly, type Report, report } from '../report.ts';
import { Workers } from '../support/workers.ts';
import { type CanaryKind, canaryKinds, type Finding, makeCanaries, Search } from './canary.ts';
import { type CanaryEnvironment, createCanaryEnvironment } from './environment.ts';
import { Life, type Witness } from './life.ts';
import { type PlaceName, places, showNotes } from './places.ts';
import { commandLines, statements } from './process-places.ts';
import { keptByTemporal } from './temporal-places.ts';

/** They have nothing of a migration, or run until they are told to stop: the worker's output is its log. */
const notRun = ['dev up', 'dev down', 'worker'];

/** To a change of primary, and back. */
const wholeLife = 'legacy-only dual-write backfill validate switch-reads switch-primary switch-reads';

/**
 * Canaries stand in rows, keys, JSON, passwords, the encryption key and operators' notes. After a migration has lived with an encryption
 * key, and with logs at the finest level, none is found anywhere outside of where it belongs (`places.ts`). One that is planted on purpose is.
 */
export async function canaries({ servers, seed, note }: Conditions): Promise<Report> {
  const made = makeCanaries();
  const search = new Search(made);
  const findings: Finding[] = [];
  const shown: Finding[] = [];
  const look = (place: PlaceName, text: string, also: readonly CanaryKind[] = []) => {
    const allowed: readonly CanaryKind[] = [...(places[place].shows ?? []), ...also, 'control'];
    const found = search.in(place, text);
    for (const one of found) (allowed.includes(one.kind) ? shown : findings).push(one);
    return found;
  };

  await using at = await createCanaryEnvironment(servers, made);
  const { environment, migration } = at;
  const temporal = await connectTemporal(environment);
  await using resources = new AsyncDisposableStack();
  resources.defer(() => temporal.connection.close());
  resources.defer(() => endMigration(temporal, migration));
  const warned = (warning: Error) => look('errors', textOf(warning));
  process.on('warning', warned);
  resources.defer(() => void process.off('warning', warned));

  const outputs: string[] = [];
  const witness: Witness = {
    error: (error) => void look('errors', textOf(error)),
    output(command, text) {
      outputs.push(text);
      look('commands', text, showNotes.has(command) ? ['note'] : []);
    },
    async look() {
      look('commandLines', commandLines());
      const { mysql, postgresql } = await statements(at);
      look('mysqlStatements', mysql);
      look('postgresqlStatements', postgresql);
    },
  };
  const life = new Life(at, made, witness);
  await life.begin();
  note('prepared');
  const metrics = `127.0.0.1:${await freePort()}`;
  const workers = resources.use(
    new Workers(migration.name, environment, (given, log) =>
      WorkerProcess.start(given, log, ['--log-level', 'trace', '--metrics', metrics]),
    ),
  );
  const worker = await workers.start();
  await worker.ready();
  await life.live();
  note('it has lived');
  await witness.look();
  look('metrics', (await (await fetch(`http://${metrics}/metrics`)).text()) + (await worker.health()));
  const kept = await keptByTemporal(temporal, migration);
  for (const [place, text] of kept.texts) look(place === 'histories' ? 'histories' : 'attributes', text);
  await worker.stop();
  const log = readFileSync(workers.logFile, 'utf8');
  look('logs', log);
  note(`${kept.workflows} workflows, ${log.length} characters of log`);

  const commands = commandNames();
  const isControlFound = await controls(at, search, made.control);
  const missed = commands.filter((name) => !life.ran.has(name) && !notRun.includes(name));
  const distinct = distinctOf(findings);
  return report(
    'canaries',
    seed,
    [
      exactly('canaries found where they do not belong', 0, distinct.length),
      exactly('payloads in Temporal that are not encrypted', 0, kept.plain.length),
      exactly('commands that were not run', 0, missed.length),
      exactly('phases that it went through', wholeLife, life.phases),
      exactly(
        'places where a canary that was planted on purpose was not found',
        0,
        isControlFound.missed.length,
      ),
      atLeast('errors that were looked at', 30, life.errors),
      atLeast('workflows that were looked at', 20, kept.workflows),
      atLeast('lines of log that were looked at', 100, log.split('\n').length),
    ],
    {
      found: distinct,
      allowed: distinctOf(shown),
      plain: kept.plain,
      notRun: missed,
      controlsMissed: isControlFound.missed,
      controls: isControlFound.planted,
      kinds: canaryKinds.length,
      payloads: kept.payloads,
      workflows: kept.workflows,
      outputs: outputs.length,
      errors: life.errors,
      characters: search.characters,
    },
  );
}

/** Plants a canary in places of each sort, in each form. */
async function controls(
  at: CanaryEnvironment,
  search: Search,
  canary: string,
): Promise<{ readonly planted: number; readonly missed: readonly string[] }> {
  const missed: string[] = [];
  let planted = 0;
  const expectIn = (place: string, text: string) => {
    planted += 1;
    if (!search.in(place, text).some(({ kind }) => kind === 'control')) missed.push(place);
  };
  const bytes = Buffer.from(canary);
  for (const [form, text] of Object.entries({
    plain: canary,
    'base64 1': Buffer.from(`x${canary}`).toString('base64'),
    'base64 2': Buffer.from(`xy${canary}z`).toString('base64'),
    'base64 3': Buffer.from(`xyz${canary}zz`).toString('base64url'),
    hex: bytes.toString('hex'),
    url: encodeURIComponent(`ä ${canary}`),
    percent: [...bytes].map((byte) => `%${byte.toString(16)}`).join(''),
    json: JSON.stringify({ [`"${canary}`]: 1 }),
  }))
    expectIn(form, `before ${text} after`);
  expectIn('an error', textOf(new Error('outer', { cause: { nested: { deep: [canary] } } })));
  const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)', canary]);
  try {
    expectIn('a command line', commandLines());
  } finally {
    child.kill('SIGKILL');
  }
  await at.sql.legacy(`SELECT '${canary}'`);
  const modern = await at.another('modern');
  await modern.rows(`SELECT '${canary}'`);
  expectIn("PostgreSQL's statements", (await statements(at)).postgresql);
  await modern.end();
  const legacy = await at.another('legacy');
  const sleeping = legacy.rows(`SELECT SLEEP(2), '${canary}'`);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expectIn("MySQL's statements", (await statements(at)).mysql);
  await sleeping;
  await legacy.end();
  const temporal = await connectTemporal({ ...at.environment, LOCKSTEP_ENCRYPTION_KEY: undefined });
  const { migration } = at;
  await temporal.workflow.start('write', {
    workflowId: `control/${migration.name}`,
    taskQueue: migration.taskQueue,
    args: [canary],
    memo: { canary },
  });
  const kept = await keptByTemporal(temporal, migration);
  for (const [place, text] of kept.texts)
    if (place === 'histories' || place.startsWith('ids')) expectIn(`Temporal's ${place}`, text);
  if (kept.plain.length === 0) missed.push('a payload that is not encrypted');
  await endMigration(temporal, migration);
  await temporal.workflow
    .getHandle(`control/${migration.name}`)
    .terminate('it was planted')
    .catch(() => undefined);
  await temporal.connection.close();
  return { planted, missed };
}

function distinctOf(findings: readonly Finding[]): string[] {
  return [...new Set(findings.map(({ place, kind, form }) => `${kind} (${form}) in ${place}`))].sort();
}

/** All that somebody who logs an error could see of it. */
function textOf(error: unknown): string {
  const causes: string[] = [];
  for (let one = error; one instanceof Error; one = one.cause)
    causes.push(String(one), one.stack ?? '', JSON.stringify(one, Object.getOwnPropertyNames(one)) ?? '');
  return [
    inspect(error, { depth: 20, showHidden: true, maxStringLength: null, maxArrayLength: null }),
    ...causes,
  ].join('\n');
}

/** All commands that can be run, with those that they stand under. */
function commandNames(): string[] {
  const under = (command: ReturnType<typeof createProgram>, before: string): string[] =>
    command.commands.flatMap((child) => {
      const name = `${before}${child.name()}`;
      return child.commands.length > 0 ? under(child, `${name} `) : [name];
    });
  return under(createProgram(), '');
}
