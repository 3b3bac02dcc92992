import { ApplicationFailure } from '@temporalio/common';
import { expect, test } from 'vitest';
import { detailsFrom, failureIn } from '../../model/carried-failure.ts';
import { LockstepError } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';

const carried = (type: string, ...details: unknown[]) =>
  ApplicationFailure.create({ type, message: 'it is full', details });

test('a failure that Temporal carried is found among the causes, with its details', () => {
  const error = new Error('activity failed', {
    cause: carried('StoreUnavailable', { store: 'modern', about: 'server' }),
  });
  const found = failureIn(error);
  expect(isLockstepError(found, 'StoreUnavailable')).toBe(true);
  expect(found).toMatchObject({
    message: 'it is full',
    retryable: true,
    details: { store: 'modern', about: 'server' },
  });
});

test('one of this process is found as it is', () => {
  const own = new LockstepError('Fenced', 'over');
  expect(failureIn(new Error('around', { cause: own }))).toBe(own);
});

test('what is no failure of ours is none', () => {
  const stranger = Object.assign(new Error('another library'), { type: 'NotFound' });
  for (const error of [carried('SomebodyElses'), stranger, new Error('plain'), 'text', null])
    expect(failureIn(error)).toBeNull();
});

test('a code of an older or newer program is not taken for one of ours', () => {
  expect(failureIn(carried('toString'))).toBeNull();
});

test('unknown members and unsound values of details are dropped', () => {
  const details = {
    store: 'elsewhere',
    about: 'row',
    violation: 'none that we know',
    entity: 'account',
    operationId: 7,
    measured: { phase: 'validate', pending: 3 },
    row: { secret: 'nobody must read this' },
  };
  expect(detailsFrom(details)).toEqual({
    about: 'row',
    entity: 'account',
    measured: { phase: 'validate', pending: 3 },
  });
  expect(detailsFrom({ measured: { row: { secret: 1 } } })).toEqual({});
  for (const none of [undefined, null, 'text', ['list']]) expect(detailsFrom(none)).toEqual({});
});

test('an error of ours is told by its code', () => {
  const error: unknown = new LockstepError('NotFound', 'gone');
  expect([
    isLockstepError(error),
    isLockstepError(error, 'NotFound'),
    isLockstepError(error, 'Parked'),
  ]).toEqual([true, true, false]);
  expect(isLockstepError(new Error('gone'))).toBe(false);
});
