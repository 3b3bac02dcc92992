import { expect, test } from 'vitest';
import { askBefore } from '../../client/service/before-start.ts';
import { LockstepError } from '../../model/failure.ts';

const about = { entity: 'account', operationId: 'a-1' };
const away = () => Promise.reject(new LockstepError('StoreUnavailable', 'no answer from the server'));

test('an id of its caller may have had an earlier try, which only the store that is away knows of', async () => {
  await expect(askBefore('write', { ...about, isNamed: true }, away)).rejects.toMatchObject({
    code: 'OutcomeUnknown',
    message: expect.stringContaining('no answer from the server'),
    details: { operationId: 'a-1' },
  });
});

test('an id that nobody else has was not tried before: nothing is written', async () => {
  const asked = askBefore('write', { ...about, isNamed: false }, away);
  await expect(asked).rejects.toMatchObject({ code: 'StoreUnavailable' });
});

test('another failure is told as it is', async () => {
  const failing = () => Promise.reject(new LockstepError('NotPrepared', 'not prepared'));
  const asked = askBefore('transaction', { ...about, isNamed: true }, failing);
  await expect(asked).rejects.toMatchObject({ code: 'NotPrepared' });
});
