import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import { expect, test } from 'vitest';
import { LockstepError } from '../../model/failure.ts';
import { messageOf } from '../../workflows/failures.ts';

const inActivity = (cause: Error) =>
  new ActivityFailure('Activity task failed', 'drain', '1', 'TIMEOUT', 'worker', cause);

test('an activity without an answer is told by its name, with a remedy', () => {
  const late = new TimeoutFailure('activity ScheduleToClose timeout', null, 'SCHEDULE_TO_CLOSE');
  expect(messageOf(inActivity(late))).toBe(
    'drain was not over within its time limit (SCHEDULE_TO_CLOSE); look whether both stores and a worker answer',
  );
});

test('of others the innermost message is told, and our own as it is', () => {
  const inner = ApplicationFailure.create({ message: 'the disk is full', type: 'Error' });
  expect(messageOf(inActivity(inner))).toBe('the disk is full');
  const own = new LockstepError('StoreUnavailable', 'the legacy store does not answer');
  expect(messageOf(new Error('outer', { cause: own }))).toBe('the legacy store does not answer');
});
