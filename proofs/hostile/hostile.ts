import type { Client, WorkflowHandle } from '@temporalio/client';
import { temporalPlace } from '../../client/temporal/connection.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { isObject } from '../../model/is-object.ts';
import { defineMigration } from '../../model/migration.ts';
import { defaultSettings } from '../../model/settings.ts';
import { account, accountTables, bound, createAccounts, newAccount } from '../../test/support/accounts.ts';
import { type RunningMigration, runMigrationOn } from '../../test/support/fixture.ts';
import { writeWorkflowId } from '../../workflows/messages.ts';
import { hostileNames } from '../names/hostile-names.ts';
import { atLeast, type Conditions, exactly, type Report, report } from '../report.ts';
import { plantControlRows } from './control-rows.ts';
import { type Fault, type Finding, faultOf } from './fault.ts';
import { type Attempted, foreignWorker } from './foreign.ts';
import { sendMessages } from './messages.ts';
import { oddSaves } from './odd-saves.ts';
import { startRaw, untakenPayloads } from './raw-payloads.ts';
import { sendRequests } from './requests.ts';
import { isFree, soundActivities } from './sound-activities.ts';
import { hostileId, soundInputs } from './sound-inputs.ts';
import { inTurns, some } from './turns.ts';
import { secret, type Unsound, unsoundOf } from './unsound.ts';

/** What is refused is refused at once; a machine may be busy. */
const limitMs = 120_000;

/**
 * Whatever is sent by somebody who reaches Temporal, a worker's endpoint, a control table or a configuration: each thing is refused once, typed, without
 * what was sent, and the migration is what it was.
 */
export async function hostile({ servers, seed, short, note }: Conditions): Promise<Report> {
  await using at = await runMigrationOn(servers, 'dual-write', {
    entities: [account, bound],
    tables: { legacy: tablesIn('legacy'), modern: tablesIn('modern') },
  });
  const before = await at.lockstep.control.status();
  const findings: Finding[] = [];
  const sent = {
    starts: 0,
    activities: 0,
    controlRows: 0,
    names: 0,
    messages: 0,
    bytes: 0,
    odd: 0,
    definitions: 0,
    requests: 0,
  };
  const sentAgain: string[] = [];
  const places = new Map<string, number>();
  const count = (kind: keyof typeof sent, place: string) => {
    sent[kind] += 1;
    places.set(place, (places.get(place) ?? 0) + 1);
  };

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
    count('starts', `start of ${type}`);
    const fault = await faultOfStart(at, type, value, `hostile/${at.migration.name}/${seed}/${index}`);
    if (fault) findings.push({ fault, what: `${type}: ${what}` });
  });

  const activities = Object.entries(soundActivities(at.migration, state)).flatMap(([activity, sound]) => {
    if (sound === null) return [];
    const unsound = unsoundOf(sound).filter(({ what }) => !isFree(what));
    return some(unsound, short ? 1 : Number.POSITIVE_INFINITY, seed).map((one) => ({ activity, ...one }));
  });
  note(`${activities.length} inputs of activities, from a workflow of somebody else`);
  {
    await using foreign = await foreignWorker(at.temporal, at.environment, at.migration);
    await inTurns(activities, async ({ activity, what, value }) => {
      count('activities', `activity ${activity}`);
      let attempted = await foreign.attempt(activity, [value], limitMs);
      if (!attempted.hasEnded && attempted.attempts <= 1) {
        // A task may be lost between Temporal and a worker; what is stuck is so again.
        sentAgain.push(`${activity}: ${what}`);
        attempted = await foreign.attempt(activity, [value], limitMs);
      }
      const fault = await faultOfAttempt(attempted);
      if (fault) findings.push({ fault, what: `${activity}: ${what}` });
    });
  }

  note(
    `${hostileNames.length} names that mean something elsewhere, of a migration, an entity and an operation`,
  );
  const names = some(
    hostileNames.filter((name) => !isName(name)),
    short ? 4 : Number.POSITIVE_INFINITY,
    seed,
  );
  await inTurns(
    names.flatMap((name) => ['migration', 'entity', 'operationId'].map((member) => ({ member, name }))),
    async ({ member, name }, index) => {
      count('names', `name of ${member}`);
      const { migration, id } = {
        migration: at.migration.name,
        id: `hostile/${at.migration.name}/name/${seed}/${index}`,
      };
      const [type, input] =
        member === 'migration'
          ? ['validate', { migration: name, entities: [account.name], sample: null, seed: 1 }]
          : [
              'save',
              {
                entity: account.name,
                kind: 'create',
                value: newAccount(),
                operationId: `${migration}-${index}`,
                [member]: name,
              },
            ];
      const fault = await faultOfStart(at, type as string, input, id);
      if (fault) findings.push({ fault, what: `${member} ${JSON.stringify(name)}` });
    },
  );

  const planted = await plantControlRows(at);
  note(`${planted.rows} rows in control tables`);
  for (let row = 0; row < planted.rows; row++) count('controlRows', 'control row');
  findings.push(...(await planted.findings()));

  note('bytes that nobody can read, and saves that are odd');
  const target = { temporal: at.temporal, namespace: temporalPlace(at.environment).namespace };
  const types = Object.keys(soundInputs(at.migration, state));
  const raw = [
    ...types.flatMap((type) =>
      Object.entries(untakenPayloads).map(([what, payload]) => ({
        kind: 'bytes' as const,
        type,
        what,
        input: () => payload,
      })),
    ),
    ...oddSaves.map((one) => ({ kind: 'odd' as const, type: 'save', ...one })),
  ];
  const sentRaw = some(raw, short ? 40 : Number.POSITIVE_INFINITY, seed);
  await inTurns(sentRaw, async ({ kind, type, what, input }, index) => {
    count(kind, `${kind === 'bytes' ? 'bytes' : 'an odd value'} as the input of ${type}`);
    // Under its own id: another would be refused by that.
    const operationId = `odd-${index}`;
    const workflowId = writeWorkflowId(at.migration.name, operationId);
    await startRaw(
      target,
      { type, workflowId, taskQueue: at.migration.taskQueue },
      { input: input(operationId) },
    );
    const fault = await faultOfEnd(at.temporal, at.temporal.workflow.getHandle(workflowId));
    if (fault) findings.push({ fault, what: `${type}: ${what}` });
  });

  note('messages to every workflow while it runs');
  const messages = await sendMessages(at, state, short);
  for (const [place, number] of messages.sent)
    for (let one = 0; one < number; one++) count('messages', place);
  findings.push(...messages.findings);

  for (const { what, value } of unsoundDefinitions()) {
    count('definitions', 'definition');
    const fault = faultOfDefinition(value);
    if (fault) findings.push({ fault, what });
  }

  note('requests at the endpoints of workers and of the codec');
  findings.push(...(await sendRequests((place) => count('requests', place))));

  const value = newAccount();
  const accounts = at.lockstep.repository(account);
  await accounts.create(value, { ack: 'both' });
  const isWhole = (await accounts.get(value.id))?.value.owner === value.owner;
  const after = await at.lockstep.control.status();
  const isAsBefore =
    after.phase === before.phase && after.epoch === before.epoch && after.deadline === before.deadline;
  const found = (fault: Fault) => findings.filter((finding) => finding.fault === fault).length;
  const total = Object.values(sent).reduce((sum, number) => sum + number, 0);
  return report(
    'hostile',
    seed,
    [
      atLeast('things sent', short ? 100 : 600, total),
      exactly('workflow tasks that fail for ever, and waits without an end', 0, found('stuck')),
      exactly('activities that are tried for ever', 0, found('retried')),
      exactly('accepted in silence', 0, found('accepted')),
      exactly('refused without a code', 0, found('untyped')),
      exactly('answers with what was sent', 0, found('leak')),
      exactly('writes that go on as before', 1, Number(isWhole)),
      exactly('migrations that are what they were', 1, Number(isAsBefore)),
    ],
    {
      ...sent,
      places: [...places].map(([place, number]) => `${place}: ${number}`),
      sentAgain,
      findings: findings.map(({ fault, what }) => `${fault}: ${what}`),
    },
  );
}

const tablesIn = (store: StoreName) =>
  [...accountTables, 'bound'].map((table) => createAccounts(table, store));

async function faultOfAttempt(attempted: Attempted): Promise<Fault | null> {
  if (attempted.attempts > 1) return 'retried';
  if (!attempted.hasEnded) return 'stuck';
  return await faultOf(
    attempted.error === null ? Promise.resolve(attempted.result) : Promise.reject(attempted.error),
  );
}

/** What Lockstep takes for a name as well. */
function isName(text: string): boolean {
  return /^[\w.:@-]+$/.test(text);
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
  return await faultOfEnd(temporal, handle, ended());
}

/** What is wrong with how a workflow ends, or that it does not. */
async function faultOfEnd(
  temporal: Client,
  handle: WorkflowHandle,
  ended: Promise<unknown> = handle.result(),
): Promise<Fault | null> {
  const late = new Promise<'late'>((resolve) => setTimeout(() => resolve('late'), limitMs).unref());
  const fault = await Promise.race([faultOf(ended), late]);
  return fault === 'late' ? await faultOfRunning(temporal, handle) : fault;
}

/** Of something that does not come to its end; it is ended here. */
async function faultOfRunning(temporal: Client, handle: WorkflowHandle): Promise<Fault> {
  const { raw } = await handle.describe();
  await temporal.workflow.getHandle(handle.workflowId).terminate('it should have been refused');
  return (raw.pendingActivities ?? []).some(({ attempt }) => (attempt ?? 0) > 1) ? 'retried' : 'stuck';
}

function hasApart(tally: unknown): boolean {
  return isObject(tally) && 'apart' in tally && tally.apart !== 0;
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
