import { type Client, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import { failureIn } from '../../model/carried-failure.ts';
import { LockstepError } from '../../model/failure.ts';
import { isFailureCode } from '../../model/failure-codes.ts';
import { messageTable } from '../../model/inputs/messages.ts';
import { isObject } from '../../model/is-object.ts';
import { defineMigration } from '../../model/migration.ts';
import { defaultSettings } from '../../model/settings.ts';
import { account, newAccount } from '../../test/support/accounts.ts';
import { type RunningMigration, runMigrationOn } from '../../test/support/fixture.ts';
import { serveHealth } from '../../workers/health.ts';
import { migrationWorkflowId, writeWorkflowId } from '../../workflows/messages.ts';
import { atLeast, type Conditions, exactly, type Report, report } from '../report.ts';
import { badRequests, isEndedByServer } from './half-http.ts';
import { hostileId, soundInputs } from './sound-inputs.ts';
import { secret, type Unsound, unsoundOf } from './unsound.ts';

/** So many are under way at a time. */
const atOnce = 16;
/** What is refused is refused at once; a machine may be busy. */
const limitMs = 60_000;
const httpLimitMs = 30_000;

/** What is wrong with an answer to something that was sent. */
type Fault = 'stuck' | 'retried' | 'accepted' | 'leak' | 'untyped';

/** What Temporal's SDK says of a workflow's messages. */
interface Metadata {
  readonly definition?: { readonly updateDefinitions?: readonly { readonly name: string }[] };
}

interface Finding {
  readonly fault: Fault;
  readonly what: string;
}

/** Messages that none of those that take something takes. */
const badMessages: readonly unknown[] = [secret, [secret], -7, { by: 7, force: secret }, 'x'.repeat(100_000)];

/**
 * Whatever is sent by somebody who reaches Temporal, a worker's endpoint or a configuration: each thing is refused once, typed, without
 * what was sent, and the migration is what it was.
 */
export async function hostile({ servers, seed, short, note }: Conditions): Promise<Report> {
  await using at = await runMigrationOn(servers, 'dual-write', { entities: [account] });
  const before = await at.lockstep.control.status();
  const findings: Finding[] = [];
  const sent = { starts: 0, messages: 0, definitions: 0, requests: 0 };

  const state = await at.stores.legacy.readState(at.migration.name);
  if (!state) throw new TypeError('the migration has no state');
  const starts = Object.entries(soundInputs(at.migration, state)).flatMap(([type, sound]) =>
    some(unsoundOf(sound), short ? 4 : Number.POSITIVE_INFINITY, seed).map((unsound) => ({
      type,
      ...unsound,
    })),
  );
  note(`${starts.length} starts of ${Object.keys(soundInputs(at.migration, state)).length} workflows`);
  await inTurns(starts, async ({ type, what, value }, index) => {
    sent.starts += 1;
    const fault = await faultOfStart(at, type, value, `hostile/${at.migration.name}/${seed}/${index}`);
    if (fault) findings.push({ fault, what: `${type}: ${what}` });
  });

  const handle = at.temporal.workflow.getHandle(migrationWorkflowId(at.migration.name));
  const messages = Object.entries(messageTable.migration ?? {}).filter(([, { takes }]) => takes.length > 0);
  const { definition: handled } = await handle.query<Metadata>('__temporal_workflow_metadata');
  const updates = new Set(handled?.updateDefinitions?.map(({ name }) => name));
  note(`${badMessages.length} messages of ${messages.length} kinds, as updates and as signals`);
  for (const [name] of messages)
    for (const message of badMessages) {
      sent.messages += 1;
      await handle.signal(name, message);
      if (!updates.has(name)) continue;
      sent.messages += 1;
      const fault = await faultOf(handle.executeUpdate(name, { args: [message] }));
      if (fault) findings.push({ fault, what: `update ${name}: ${typeof message}` });
    }

  for (const { what, value } of unsoundDefinitions()) {
    sent.definitions += 1;
    const fault = faultOfDefinition(value);
    if (fault) findings.push({ fault, what });
  }

  const health = await serveHealth(0, '127.0.0.1', async () => []);
  await Promise.all(
    badRequests.map(async (request) => {
      sent.requests += 1;
      if (!(await isEndedByServer(health.port, request, httpLimitMs)))
        findings.push({ fault: 'stuck', what: `a request of ${request.length} characters` });
    }),
  );
  if (!(await fetch(`http://127.0.0.1:${health.port}/live`)).ok)
    findings.push({ fault: 'stuck', what: 'the endpoint answers nobody' });
  await health.close();

  const value = newAccount();
  const accounts = at.lockstep.repository(account);
  await accounts.create(value, { ack: 'both' });
  const isWhole = (await accounts.get(value.id))?.value.owner === value.owner;
  const after = await at.lockstep.control.status();
  const isAsBefore =
    after.phase === before.phase && after.epoch === before.epoch && after.deadline === before.deadline;
  const count = (fault: Fault) => findings.filter((finding) => finding.fault === fault).length;
  const total = Object.values(sent).reduce((sum, number) => sum + number, 0);
  return report(
    'hostile',
    seed,
    [
      atLeast('things sent', short ? 100 : 600, total),
      exactly('workflow tasks that fail for ever, and waits without an end', 0, count('stuck')),
      exactly('activities that are tried for ever', 0, count('retried')),
      exactly('accepted in silence', 0, count('accepted')),
      exactly('refused without a code', 0, count('untyped')),
      exactly('answers with what was sent', 0, count('leak')),
      exactly('writes that go on as before', 1, Number(isWhole)),
      exactly('migrations that are what they were', 1, Number(isAsBefore)),
    ],
    { ...sent, findings: findings.map(({ fault, what }) => `${fault}: ${what}`) },
  );
}

async function faultOfStart(
  { temporal, migration }: Pick<RunningMigration, 'temporal' | 'migration'>,
  type: string,
  input: unknown,
  workflowId: string,
): Promise<Fault | null> {
  const options = { workflowId, taskQueue: migration.taskQueue, args: [input] };
  const handle = await temporal.workflow.start(type, options);
  const ended = async () => {
    const result: unknown = await handle.result();
    if (type !== 'writeGroup' || !hasApart(result)) return result;
    // The workflow `write` says what becomes of it.
    return await temporal.workflow.getHandle(writeWorkflowId(migration.name, hostileId)).result();
  };
  const late = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), limitMs).unref());
  const fault = await Promise.race([faultOf(ended()), late]);
  if (fault !== 'late') return fault;
  return await faultOfRunning(temporal, handle);
}

/** Of something that does not come to its end; it is ended here. */
async function faultOfRunning(temporal: Client, handle: WorkflowHandle): Promise<Fault> {
  const { raw } = await handle.describe();
  await temporal.workflow.getHandle(handle.workflowId).terminate('it should have been refused');
  return (raw.pendingActivities ?? []).some(({ attempt }) => (attempt ?? 0) > 1) ? 'retried' : 'stuck';
}

/** What is wrong with how something is refused; null where nothing is. */
async function faultOf(answer: Promise<unknown>): Promise<Fault | null> {
  const { result, error } = await answer.then(
    (found) => ({ result: found, error: null }),
    (reason: unknown) => ({ result: null, error: reason }),
  );
  if (error === null) return faultOfAnswers(result);
  const failure = failureIn(error);
  const texts = [failure?.message, failure?.details, error instanceof WorkflowFailedError && error.cause];
  if (JSON.stringify(texts).includes(secret) || String(error).includes(secret)) return 'leak';
  return failure === null ? 'untyped' : null;
}

function hasApart(tally: unknown): boolean {
  return isObject(tally) && 'apart' in tally && tally.apart !== 0;
}

/** Many saves have an answer each. */
function faultOfAnswers(result: unknown): Fault | null {
  const answers = Array.isArray(result) ? (result as readonly { status?: unknown; code?: unknown }[]) : [];
  if (answers.length === 0 || answers.some(({ status }) => status !== 'failed')) return 'accepted';
  if (JSON.stringify(answers).includes(secret)) return 'leak';
  return answers.every(({ code }) => isFailureCode(code)) ? null : 'untyped';
}

function unsoundDefinitions(): readonly Unsound[] {
  const definition = { name: 'hostile', deadline: '2100-01-01T00:00:00Z', ...defaultSettings };
  const entities = [secret, 7, {}, [7], [secret], [{}], [null], [[]]];
  return [
    ...unsoundOf(definition, 'definition').map(({ what, value }) => ({
      what,
      value: isObject(value) ? { ...value, entities: [account] } : value,
    })),
    ...entities.map((value) => ({ what: 'definition.entities', value: { ...definition, entities: value } })),
  ];
}

function faultOfDefinition(options: unknown): Fault | null {
  try {
    // Whoever writes JavaScript has no types.
    defineMigration(options as Parameters<typeof defineMigration>[0]);
    return 'accepted';
  } catch (error) {
    return error instanceof LockstepError ? null : 'untyped';
  }
}

async function inTurns<T>(all: readonly T[], work: (one: T, index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < all.length; index = next++) await work(all[index] as T, index);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** So many at most, from a place that the seed decides. */
function some<T>(all: readonly T[], most: number, seed: number): readonly T[] {
  const step = Math.max(1, all.length / most);
  return all.filter((_, at) => Math.floor((at + seed) / step) !== Math.floor((at + seed - 1) / step));
}
