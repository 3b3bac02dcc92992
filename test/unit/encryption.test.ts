import { randomBytes } from 'node:crypto';
import { defaultPayloadConverter } from '@temporalio/common';
import { expect, test } from 'vitest';
import { createDataConverter, createEncryptionCodec } from '../../client/temporal/encryption.ts';

const newKey = () => randomBytes(32).toString('base64');
const payload = defaultPayloadConverter.toPayload({ name: 'a-marker-of-row-content' });

test('a payload comes back as it was, and cannot be read in between', async () => {
  const codec = createEncryptionCodec([newKey()]);
  const sealed = await codec.encode([payload]);
  expect(Buffer.from(sealed[0]?.data ?? []).toString('latin1')).not.toContain('marker');
  const [opened] = await codec.decode(sealed);
  expect(defaultPayloadConverter.fromPayload(opened ?? payload)).toEqual({ name: 'a-marker-of-row-content' });
});

test('after a rotation the old key still opens, and a lost one is named', async () => {
  const old = newKey();
  const sealed = await createEncryptionCodec([old]).encode([payload]);
  await expect(createEncryptionCodec([newKey(), old]).decode(sealed)).resolves.toHaveLength(1);
  await expect(createEncryptionCodec([newKey()]).decode(sealed)).rejects.toThrow(
    /LOCKSTEP_ENCRYPTION_KEY does not hold/,
  );
});

test('a changed payload is refused', async () => {
  const codec = createEncryptionCodec([newKey()]);
  const [sealed] = await codec.encode([payload]);
  const data = Buffer.from(sealed?.data ?? []);
  data.writeUInt8(data.readUInt8(20) ^ 1, 20);
  await expect(codec.decode([{ ...sealed, data }])).rejects.toThrow();
});

test('a key of another length is refused without showing it', () => {
  const short = randomBytes(16).toString('base64');
  const make = () => createDataConverter({ LOCKSTEP_ENCRYPTION_KEY: short });
  expect(make).toThrow(/16 bytes/);
  expect(make).not.toThrow(short);
});

test('without a key nothing stands in between', () => {
  expect(createDataConverter({})).toEqual({});
});
