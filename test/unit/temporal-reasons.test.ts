import { status } from '@grpc/grpc-js';
import { ServiceError } from '@temporalio/client';
import { expect, test } from 'vitest';
import { reasonOf } from '../../client/temporal/failures.ts';

test('what Temporal says is told as a part of a sentence', () => {
  const details = 'Unable to perform workflow execution update due to Workflow Task in failed state.';
  const cause = Object.assign(new Error(`9 FAILED_PRECONDITION: ${details}`), {
    code: status.FAILED_PRECONDITION,
    details,
    metadata: {},
  });
  const reason = 'Unable to perform workflow execution update due to Workflow Task in failed state';
  expect(reasonOf(new ServiceError('Failed to update', { cause }))).toBe(reason);
  expect(reasonOf(cause)).toBe(reason);
  expect(reasonOf(new Error('tcp connect error'))).toBe('tcp connect error');
  const limit = 'limit on number of concurrent in-flight updates has been reached (10)';
  const withStart = { code: status.RESOURCE_EXHAUSTED, details: '\b\u0002\u0010\u0001', metadata: {} };
  expect(reasonOf(Object.assign(new Error(limit), withStart))).toBe(limit);
});
