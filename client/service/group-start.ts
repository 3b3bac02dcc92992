import { randomUUID } from 'node:crypto';
import type { WriteInput } from '../../model/operation.ts';
import type { GroupedAnswer, WriteGroupInput } from '../../model/write-group.ts';
import { groupAcknowledged, writeGroupWorkflowId } from '../../workflows/messages.ts';
import type { Start } from '../temporal/acknowledged-start.ts';

/** One workflow for writes that differ in nothing but their operations. */
export function groupStart(
  inputs: readonly [WriteInput, ...WriteInput[]],
): Start<readonly GroupedAnswer[]> & { readonly input: WriteGroupInput } {
  const [{ migration, ack, route, dualWrite, policy }] = inputs;
  const input: WriteGroupInput = {
    migration,
    ack,
    route,
    dualWrite,
    policy,
    writes: inputs.map(({ operation, pattern }) => ({ operation, pattern })),
  };
  const entities = [...new Set(inputs.map(({ operation }) => operation.entity))];
  return {
    workflowType: 'writeGroup',
    workflowId: writeGroupWorkflowId(migration, randomUUID()),
    input,
    acknowledgement: groupAcknowledged,
    recorded: inputs.map((): GroupedAnswer => ({ status: 'done', version: null })),
    // It is found by its entity where it is about one.
    entities: entities.length === 1 ? entities : [],
    summary: `${inputs.length} writes of ${entities.join(', ')}`.slice(0, 200),
  };
}
