import { expect, test } from 'vitest';
import { type Phase, phases } from '../../model/phase.ts';
import * as messages from '../../workflows/messages.ts';
import { account } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { until } from '../support/until.ts';

const later = '2100-01-01T00:00:00.000Z';
const handleOf = (at: RunningMigration) =>
  at.temporal.workflow.getHandle(messages.migrationWorkflowId(at.migration.name));

/** Every message that a migration takes from an operator. */
const sends = {
  advance: ({ lockstep }) => lockstep.control.send('advance'),
  rollback: ({ lockstep }) => lockstep.control.send('rollback'),
  decommission: ({ lockstep }) => lockstep.control.send('decommission'),
  undo: (at) => handleOf(at).executeUpdate(messages.undoDecommission.name, { args: [] }),
  cancel: ({ lockstep }) => lockstep.control.send('cancel'),
  preview: ({ lockstep }) => lockstep.control.preview({ step: 'advance' }),
  pause: ({ lockstep }) => lockstep.control.send('pause'),
  resume: ({ lockstep }) => lockstep.control.send('resume'),
  setReadPercent: ({ lockstep }) => lockstep.control.setReadPercent(50),
  setWritePercent: ({ lockstep }) => lockstep.control.setWritePercent(100),
  setRate: ({ lockstep }) => lockstep.control.setRate(null),
  setDeadline: ({ lockstep }) => lockstep.control.setDeadline(later),
  apply: ({ lockstep }) => lockstep.control.apply(),
  applyEntities: async (at) => {
    const { definition } = await at.lockstep.control.status();
    const entities = [...definition.entities, 'another'];
    return await handleOf(at).executeUpdate(messages.apply, { args: [{ ...definition, entities }] });
  },
  startBackfill: ({ lockstep }) => lockstep.control.startBackfill(),
  startValidation: ({ lockstep }) => lockstep.control.startValidation({ sample: null, seed: 1 }),
} satisfies Record<string, (at: RunningMigration) => Promise<unknown>>;

type Message = keyof typeof sends;

/** The phases in which a message is allowed, and the gate that refuses it in all others. */
const table: Readonly<
  Record<Message, readonly [readonly Phase[], Readonly<Partial<Record<Phase, string>>> | string]>
> = {
  advance: [phases.slice(0, 6), { 'modern-only': 'decommission', decommissioned: 'end' }],
  rollback: [phases.slice(1, 6), 'rollback'],
  decommission: [['modern-only'], 'decommission'],
  undo: [['decommissioned'], 'undo'],
  cancel: [[], 'cancel'],
  preview: [phases, ''],
  pause: [phases, ''],
  resume: [phases, ''],
  setReadPercent: [['switch-reads'], 'reads'],
  setWritePercent: [['dual-write'], 'writes'],
  setRate: [phases, ''],
  setDeadline: [phases, ''],
  apply: [phases, ''],
  applyEntities: [['legacy-only', 'dual-write'], 'definition'],
  startBackfill: [['backfill', 'validate'], 'backfill'],
  startValidation: [phases.slice(1, 6), 'validate'],
};

/** They lead to another phase, or to another definition; the walk sends them where they are allowed. */
const moving: readonly Message[] = ['advance', 'rollback', 'decommission', 'undo', 'applyEntities'];

function gateOf(message: Message, phase: Phase): string | null {
  const [allowed, gates] = table[message];
  if (allowed.includes(phase)) return null;
  return typeof gates === 'string' ? gates : (gates[phase] ?? '');
}

/** Sends all that do not move it; nothing that is refused changes anything. */
async function sendAll(at: RunningMigration, phase: Phase): Promise<void> {
  for (const message of Object.keys(sends) as Message[]) {
    const gate = gateOf(message, phase);
    if (gate === null && moving.includes(message)) continue;
    const answer = await sends[message](at).then(
      () => 'allowed',
      (error: unknown) => refusalOf(error),
    );
    expect({ phase, message, answer }).toEqual({ phase, message, answer: gate ?? 'allowed' });
    await untilIdle(at);
  }
  const { control } = at.lockstep;
  const status = await control.send('pause', { by: 'a test', reason: 'to see' });
  expect(status).toMatchObject({ phase, paused: true, pausedBy: { by: 'a test', reason: 'to see' } });
  for (const message of ['advance', 'rollback', 'decommission', 'undo', 'startValidation'] as const) {
    const answer = await sends[message](at).catch((error: unknown) => refusalOf(error));
    expect({ phase, message, answer }).toEqual({ phase, message, answer: 'paused' });
  }
  expect(await control.send('resume')).toMatchObject({ phase, paused: false, pausedBy: null });
}

function refusalOf(error: unknown): unknown {
  // An update of the test's own comes without the client's translation.
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { details } = cause as { details?: unknown };
    const [first] = Array.isArray(details) ? details : [details];
    if (first && typeof first === 'object' && 'gate' in first) return first.gate;
  }
  throw error;
}

async function untilIdle({ lockstep }: RunningMigration): Promise<void> {
  await until('no backfill and no validation runs', async () => {
    const { backfill, validating } = await lockstep.control.status();
    return !backfill?.running && !validating;
  });
}

test('each message in each phase is allowed, or refused by its gate', async () => {
  await using at = await runningMigration('legacy-only', {
    entities: [account],
    phases: { dropLegacyAfterMs: 3_600_000 },
  });
  const { control } = at.lockstep;
  const forward = async (phase: Phase) => {
    if (phase === 'switch-primary') await control.setReadPercent(100);
    if (phases.indexOf(phase) >= phases.indexOf('switch-reads')) {
      if ((await control.status()).evidence === null) await sends.startValidation(at);
      await untilIdle(at);
    }
    const send = phase === 'decommissioned' ? sends.decommission : sends.advance;
    expect(await send(at)).toMatchObject({ phase });
    await untilIdle(at);
  };
  const there = phases.slice(1, 6);
  await sendAll(at, 'legacy-only');
  for (const phase of there) {
    await forward(phase);
    await sendAll(at, phase);
  }
  for (const phase of phases.slice(0, 5).toReversed())
    expect(await sends.rollback(at)).toMatchObject({ phase });
  for (const phase of there) await forward(phase);
  for (const phase of phases.slice(6)) {
    await forward(phase);
    await sendAll(at, phase);
  }
  expect(await sends.undo(at)).toMatchObject({ phase: 'modern-only' });
  await forward('decommissioned');
});

test('values that are none are refused in every phase alike', async () => {
  await using at = await runningMigration('legacy-only', { entities: [account] });
  const { control } = at.lockstep;
  const past = '2020-01-01T00:00:00Z';
  const bad: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['percent', () => control.setReadPercent(101)],
    ['percent', () => control.setWritePercent(-1)],
    ['rate', () => control.setRate(0)],
    ['time', () => control.setDeadline('soon')],
    ['sample', () => control.startValidation({ sample: 0, seed: 1 })],
    ['reason', () => control.send('advance', { force: true })],
    ['time', () => control.send('advance', { notBefore: 'soon' })],
    ['notAfter', () => control.send('advance', { notAfter: past })],
    ['notAfter', () => control.send('rollback', { notBefore: later, notAfter: '2099-01-01T00:00:00Z' })],
  ];
  for (const phase of ['legacy-only', 'dual-write']) {
    for (const [path, send] of bad)
      await expect(send()).rejects.toMatchObject({ code: 'InvalidInput', details: { path } });
    if (phase === 'legacy-only') await control.send('advance');
  }
});
