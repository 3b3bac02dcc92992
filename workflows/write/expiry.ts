import { workflowInfo } from '@temporalio/workflow';
import type { Policy } from '../../model/policy.ts';
import { failure } from '../failures.ts';

/**
 * A workflow that lay without a worker for so long may have written before, and the journal may have been pruned of it: then
 * a second try would be a second effect.
 */
export function assertNotExpired(
  about: { entity: string; operationId: string },
  { journalRetentionMs }: Pick<Policy, 'journalRetentionMs'>,
): void {
  const ageMs = Date.now() - workflowInfo().startTime.getTime();
  if (ageMs <= journalRetentionMs / 2) return;
  throw failure(
    'OutcomeUnknown',
    `operation ${about.operationId} was begun ${ageMs} ms ago, the journal remembers for ${journalRetentionMs} ms only; ` +
      'read the record, and send what is still wanted as a new operation',
    about,
  );
}
