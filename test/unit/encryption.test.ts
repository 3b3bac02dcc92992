import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter, type SerializationContext } from '@temporalio/common';
import { expect, test } from 'vitest';
import { createDataConverter, createEncryptionCodec } from '../../client/temporal/encryption.ts';
import { encryptionOf } from '../../client/temporal/encryption-keys.ts';
import { KeyPatience } from '../../client/temporal/key-patience.ts';
import { isUnsealed, unopened } from '../../model/inputs/not-taken.ts';
import { payloadConverter as inActivities } from '../../workers/payload-converter.ts';
import { payloadConverter as inWorkflows } from '../../workflows/payload-converter.ts';

const newKey = () => randomBytes(32).toString('base64');
const payload = defaultPayloadConverter.toPayload({ name: 'a-marker-of-row-content' });
const codecOf = (
  keys: string,
  side: 'client' | 'worker' = 'client',
  mode?: 'required' | 'optional',
  patience?: KeyPatience,
) => {
  const encryption = encryptionOf({
    LOCKSTEP_ENCRYPTION_KEY: keys,
    ...(mode ? { LOCKSTEP_ENCRYPTION: mode } : {}),
  });
  if (!encryption) throw new Error('there is a key');
  return createEncryptionCodec(encryption, side, patience);
};
const write = (workflowId: string): SerializationContext => ({
  type: 'workflow',
  namespace: 'default',
  workflowId,
});

test('a payload comes back as it was, and cannot be read in between', async () => {
  const codec = codecOf(newKey());
  const sealed = await codec.encode([payload], write('write/m/1'));
  expect(Buffer.from(sealed[0]?.data ?? []).toString('latin1')).not.toContain('marker');
  const [opened] = await codec.decode(sealed, write('write/m/1'));
  expect(defaultPayloadConverter.fromPayload(opened ?? payload)).toEqual({ name: 'a-marker-of-row-content' });
});

test('keys rotate: what the old one encrypted is read beside the new one, and a missing key is named', async () => {
  const [old, next] = [newKey(), newKey()];
  const sealed = await codecOf(old).encode([payload]);
  // First all learn the new key, then it encrypts, then the old one goes.
  for (const keys of [`${old},${next}`, `${next}, ${old}`])
    await expect(codecOf(keys).decode(sealed)).resolves.toHaveLength(1);
  const anew = await codecOf(`${next},${old}`).encode([payload]);
  await expect(codecOf(`${old},${next}`).decode(anew)).resolves.toHaveLength(1);
  await expect(codecOf(next).decode(sealed)).rejects.toThrow(
    /key [0-9a-f]{8}, which LOCKSTEP_ENCRYPTION_KEY does not hold/,
  );
});

test('a changed payload is refused, and so is one with another place beside it', async () => {
  const codec = codecOf(newKey());
  const [sealed] = await codec.encode([payload], write('write/m/1'));
  const data = Buffer.from(sealed?.data ?? []);
  data.writeUInt8(data.readUInt8(20) ^ 1, 20);
  await expect(codec.decode([{ ...sealed, data }])).rejects.toThrow(/somebody has changed it/);
  for (const length of [0, 5, 20, 28])
    await expect(codec.decode([{ ...sealed, data: data.subarray(0, length) }])).rejects.toThrow(/changed it/);
  const [other] = await codec.encode([payload], write('write/m/2'));
  const moved = {
    ...sealed,
    metadata: { ...sealed?.metadata, place: other?.metadata?.place ?? Buffer.from('') },
  };
  await expect(codec.decode([moved], write('write/m/2'))).rejects.toThrow(/somebody has changed it/);
});

test.each<[string, SerializationContext]>([
  ['another workflow', write('write/m/2')],
  ['another namespace', { ...write('write/m/1'), namespace: 'other' }],
  [
    'an activity of the workflow',
    { type: 'activity', namespace: 'default', workflowId: 'write/m/1', activityId: '1', isLocal: true },
  ],
])('a payload that was moved to %s is refused', async (_, elsewhere) => {
  const keys = newKey();
  const sealed = await codecOf(keys).encode([payload], write('write/m/1'));
  await expect(codecOf(keys).decode(sealed, elsewhere)).rejects.toThrow(/somebody has moved it/);
});

test('what a schedule starts reads what was written under the id of the schedule', async () => {
  const codec = codecOf(newKey());
  const sealed = await codec.encode([payload], write('journal-prune/m'));
  const started = write('journal-prune/m-2026-11-28T23:00:00Z');
  await expect(codec.decode(sealed, started)).resolves.toHaveLength(1);
  await expect(codec.decode(sealed, write('journal-prune/m-2'))).rejects.toThrow(/moved/);
});

test('with a key nothing plain is taken, unless it is optional', async () => {
  const key = newKey();
  await expect(codecOf(key).decode([payload], write('w'))).rejects.toThrow(
    /workflow w\) is not encrypted.*LOCKSTEP_ENCRYPTION=optional/,
  );
  await expect(codecOf(key, 'client', 'optional').decode([payload])).resolves.toEqual([payload]);
});

test('a worker tells of it who looks at what comes in, and takes no result of an activity from it', async () => {
  const worker = codecOf(newKey(), 'worker');
  const activity = { type: 'activity', namespace: 'default', workflowId: 'w', isLocal: true } as const;
  for (const context of [write('w'), activity]) {
    const [told = payload] = await worker.decode([payload], context);
    expect(isUnsealed(inActivities.fromPayload(told, context))).toBe(true);
    const inWorkflow = () => inWorkflows.fromPayload(told, context);
    if (context.type === 'activity') expect(inWorkflow).toThrow(/not encrypted/);
    else expect(isUnsealed(inWorkflow())).toBe(true);
  }
});

test('a worker leaves a key that it does not have to others for a while, and then says what it gives up', async () => {
  let now = 0;
  const reported: string[] = [];
  const patience = new KeyPatience(
    ({ message }) => void reported.push(message),
    60_000,
    () => now,
  );
  const worker = codecOf(newKey(), 'worker', 'required', patience);
  const unknown = await codecOf(newKey()).encode([payload], write('w'));
  const left = () => expect(worker.decode(unknown, write('w'))).rejects.toThrow(/does not hold/);
  await left();
  now = 59_999;
  await left();
  expect(reported).toEqual([]);
  now = 60_000;
  const [told = payload] = await worker.decode(unknown, write('w'));
  expect(inWorkflows.fromPayload(told, write('w'))).toEqual(unopened);
  expect(reported).toEqual([
    expect.stringMatching(/key [0-9a-f]{8}, which LOCKSTEP_ENCRYPTION_KEY does not hold/),
  ]);
  // Long after it, others may have another key again.
  now += 600_001;
  await left();
  // Nobody looks at the result of an activity.
  now += 60_000;
  const activity = { type: 'activity', namespace: 'default', workflowId: 'w', isLocal: true } as const;
  const result = await codecOf(newKey()).encode([payload], activity);
  await expect(worker.decode(result, activity)).rejects.toThrow(/does not hold/);
});

test('the name of a key that a stranger chose is not told', async () => {
  const [sealed = payload] = await codecOf(newKey()).encode([payload], write('w'));
  const named = { ...sealed, metadata: { ...sealed.metadata, 'encryption-key-id': Buffer.from('secret\n') } };
  const refused = codecOf(newKey()).decode([named], write('w'));
  await expect(refused).rejects.toThrow(/a name that no key of ours has/);
  await expect(refused).rejects.not.toThrow(/secret/);
});

test('a key of another length is refused without showing it', () => {
  const short = randomBytes(16).toString('base64');
  const make = () => createDataConverter({ LOCKSTEP_ENCRYPTION_KEY: short });
  expect(make).toThrow(/16 bytes/);
  expect(make).not.toThrow(short);
});

test.each([
  [{ LOCKSTEP_ENCRYPTION_KEY: '' }, /an empty key/],
  [{ LOCKSTEP_ENCRYPTION_KEY: `${newKey()},` }, /an empty key/],
  [{ LOCKSTEP_ENCRYPTION: 'required' }, /LOCKSTEP_ENCRYPTION_KEY is not set/],
  [{ LOCKSTEP_ENCRYPTION: 'yes', LOCKSTEP_ENCRYPTION_KEY: newKey() }, /set it to required or optional/],
])('a half-done setting %# is an error, and no silence', (environment, reason) => {
  expect(() => createDataConverter(environment)).toThrow(reason);
});

test('without a key nothing stands in between', () => {
  expect(createDataConverter({})).toEqual({});
});
