import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { expect, test } from 'vitest';
import { carryFailures } from '../../activities/failures.ts';
import { LockstepError } from '../../model/failure.ts';
import { unforeseen } from '../../model/unforeseen.ts';

const secret = 'what-a-row-holds';

async function carried(error: unknown): Promise<unknown> {
  const environment = new MockActivityEnvironment(
    {},
    { interceptors: [carryFailures], logger: new DefaultLogger('ERROR') },
  );
  return await environment
    .run(async () => {
      throw error;
    })
    .catch((reason: unknown) => reason);
}

class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  readonly code = '22P02';
}

test.each([
  ['a parser', () => JSON.parse(`{${secret}`), 'SyntaxError', null],
  [
    'a driver',
    () => Promise.reject(new DatabaseError(`invalid input: "${secret}"\n    at ${secret}`)),
    'DatabaseError',
    '22P02',
  ],
  ['something that is thrown', () => Promise.reject(secret), null, null],
  [
    'an error whose name is a text',
    () => Promise.reject(Object.assign(new Error(secret), { name: `of ${secret}` })),
    'Error',
    null,
  ],
])('the text of %s stays with the worker', async (_, throwing, type, code) => {
  const error = await Promise.resolve()
    .then(throwing)
    .catch((reason: unknown) => reason);
  const failure = await carried(error);
  if (!(failure instanceof Error)) throw new TypeError('it is an error');
  expect(failure.message).not.toContain(secret);
  expect(failure.stack).not.toContain(secret);
  if (type === null) return;
  expect(failure).toMatchObject({ type, nonRetryable: false });
  if (code !== null) expect(failure.message).toContain(code);
});

test('where it was thrown can be seen', async () => {
  const failure = await carried(new RangeError(secret));
  expect(failure).toBeInstanceOf(ApplicationFailure);
  expect((failure as ApplicationFailure).stack).toMatch(/^at .*unforeseen-errors/);
});

test("ours and Temporal's are carried as they are", async () => {
  expect(await carried(new LockstepError('Fenced', 'the route changed'))).toMatchObject({
    type: 'Fenced',
    message: 'the route changed',
  });
  for (const error of [new CancelledFailure('stop'), ApplicationFailure.create({ message: 'known' })])
    expect(await carried(error)).toBe(error);
});

test('what the operating system refuses is told by its call and its code, without the path', () => {
  const { message } = unforeseen(
    Object.assign(new Error(`ENOENT: open '/${secret}'`), { code: 'ENOENT', syscall: 'open', path: secret }),
  );
  expect(message).toBe('an unexpected Error (open ENOENT); its text stays out, because it may quote a row');
  // A call alone says nothing of what is wrong.
  expect(unforeseen(Object.assign(new Error(secret), { syscall: 'open' })).message).not.toContain('open');
});

test('what is thrown may be no error, or one without a text', () => {
  for (const thrown of [secret, null, undefined, { message: secret, stack: secret }])
    expect(unforeseen(thrown)).toEqual({
      type: 'Error',
      message: 'something was thrown that is no error',
      frames: '',
    });
  expect(unforeseen(new Error('')).frames).toContain('unforeseen-errors');
});
