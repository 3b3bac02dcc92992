import { temporalPlace } from '../../client/temporal/connection.ts';
import { messageTable } from '../../model/inputs/messages.ts';
import { account, newAccount, refusedByModern } from '../../test/support/accounts.ts';
import type { RunningMigration } from '../../test/support/fixture.ts';
import { until } from '../../test/support/until.ts';
import { migrationWorkflowId, writeWorkflowId } from '../../workflows/messages.ts';
import type { Finding } from './fault.ts';
import { signalRaw, unreadablePayloads, updateRaw } from './raw-payloads.ts';
import { secret } from './unsound.ts';

/** Messages that none of those that take something takes. */
const badMessages: readonly unknown[] = [
  secret,
  [secret],
  -7,
  { by: 7, force: secret },
  { anew: secret },
  'x'.repeat(100_000),
];

/** Names of messages that no workflow has; some mean something to JavaScript or to Temporal. */
const strangers = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '',
  ' ',
  'advance\n',
  '__temporal_x',
  secret,
];

/** A workflow that waits, and what is to come of it in the end. */
interface Waiting {
  readonly type: string;
  readonly workflowId: string;
  /** Lets it go on, and tells whether it came to what it should. */
  end(): Promise<boolean>;
}

export interface SentMessages {
  readonly sent: ReadonlyMap<string, number>;
  readonly findings: readonly Finding[];
}

/** Sends each kind of workflow that can be held whatever it takes none of, and then lets it come to its end. */
export async function sendMessages(at: RunningMigration, short: boolean): Promise<SentMessages> {
  const sent = new Map<string, number>();
  const findings: Finding[] = [];
  const target = { temporal: at.temporal, namespace: temporalPlace(at.environment).namespace };
  const payloads = Object.values(unreadablePayloads).slice(0, short ? 4 : undefined);
  const count = (what: string) => sent.set(what, (sent.get(what) ?? 0) + 1);
  const refused = async (what: string, ask: Promise<{ refused: string | null }>) => {
    count(what);
    const answer = await ask.catch((error: unknown) => ({ refused: String(error) }));
    if (answer.refused === null) findings.push({ fault: 'accepted', what });
    else if (answer.refused.includes(secret) && !what.includes('nobody has'))
      findings.push({ fault: 'leak', what });
  };

  for (const { type, workflowId, end } of await waitingWorkflows(at)) {
    const handle = at.temporal.workflow.getHandle(workflowId);
    const messages = Object.entries(messageTable[type] ?? {}).filter(([, { takes }]) => takes.length > 0);
    for (const [name, { kinds }] of messages) {
      for (const message of badMessages) {
        if (kinds.includes('signal')) {
          count(`${type}: signal ${name}`);
          // A busy Temporal may not answer; what changes nothing may be sent twice.
          await handle.signal(name, message).catch(() => handle.signal(name, message));
        }
        if (!kinds.includes('update')) continue;
        const raw = {
          metadata: { encoding: Buffer.from('json/plain') },
          data: Buffer.from(JSON.stringify(message)),
        };
        await refused(`${type}: update ${name}`, updateRaw(target, workflowId, name, raw));
      }
      for (const payload of payloads) {
        if (kinds.includes('signal')) {
          count(`${type}: bytes as the signal ${name}`);
          await signalRaw(target, workflowId, name, payload);
        }
        if (kinds.includes('update'))
          await refused(`${type}: bytes as the update ${name}`, updateRaw(target, workflowId, name, payload));
      }
    }
    for (const name of strangers) {
      count(`${type}: a signal that nobody has`);
      // Temporal itself refuses some of these names.
      await handle.signal(name, secret).catch(() => undefined);
      const update = updateRaw(target, workflowId, name, payloads[0] ?? {});
      await refused(`${type}: an update that nobody has`, update);
      const query = handle.query(name, secret).then(
        () => ({ refused: null }),
        (error: unknown) => ({ refused: String(error) }),
      );
      await refused(`${type}: a query that nobody has`, query);
    }
    const late = new Promise<false>((resolve) => setTimeout(() => resolve(false), 120_000).unref());
    if (!(await Promise.race([end(), late])))
      findings.push({ fault: 'stuck', what: `${type} after its messages` });
    if (type === 'migration') continue;
    count(`${type}: a signal behind its end`);
    const behind = handle.signal('setPaused', true).then(
      () => ({ refused: null }),
      (error: unknown) => ({ refused: String(error) }),
    );
    await refused(`${type}: a signal behind its end`, behind);
  }
  return { sent, findings };
}

async function waitingWorkflows(at: RunningMigration): Promise<Waiting[]> {
  const { lockstep, migration, stores, temporal } = at;
  const { name, taskQueue } = migration;
  const parked = async (type: 'write' | 'save'): Promise<Waiting> => {
    const operationId = `hostile-${type}`;
    const workflowId = writeWorkflowId(name, operationId);
    const value = newAccount({ balance: refusedByModern });
    if (type === 'write') await lockstep.repository(account).create(value, { operationId });
    else
      await temporal.workflow.start('save', {
        workflowId,
        taskQueue,
        args: [{ entity: account.name, kind: 'create', value, operationId }],
      });
    const status = async () =>
      (await stores.legacy.journal({ migration: name, ids: [operationId], limit: 1 }))[0]?.status;
    await until('the write is parked', async () => (await status()) === 'parked');
    return {
      type,
      workflowId,
      async end() {
        await temporal.workflow.getHandle(workflowId).executeUpdate('resolve', { args: ['discard'] });
        await temporal.workflow.getHandle(workflowId).result();
        return (await status()) === 'discarded';
      },
    };
  };
  const held = async (type: string, input: object): Promise<Waiting> => {
    const workflowId = `hostile/${name}/${type}`;
    await temporal.workflow.signalWithStart(type, {
      workflowId,
      taskQueue,
      args: [{ migration: name, entities: [account.name], ...input }],
      signal: 'setPaused',
      signalArgs: [true],
    });
    return {
      type,
      workflowId,
      async end() {
        const handle = temporal.workflow.getHandle(workflowId);
        await handle.signal('setPaused', false);
        return await handle.result().then(
          () => true,
          () => false,
        );
      },
    };
  };
  return [
    await parked('write'),
    await parked('save'),
    await held('backfill', { parallel: 1, paused: true, rate: null, carried: null }),
    await held('validate', { sample: null, seed: 1 }),
    await held('reconcile', { repair: false, from: null, carried: null }),
    {
      type: 'migration',
      workflowId: migrationWorkflowId(name),
      end: async () => (await lockstep.control.status()).phase === 'dual-write',
    },
  ];
}
