import { randomUUID } from 'node:crypto';
import type { WriteInput } from '../../model/operation.ts';
import type {
  DecidedWrite,
  DecidedWrites,
  GroupCommon,
  GroupedAnswer,
  WriteGroupInput,
} from '../../model/write-group.ts';
import { groupAcknowledged, writeGroupWorkflowId } from '../../workflows/messages.ts';
import type { Start } from '../temporal/acknowledged-start.ts';
import type { WrittenHere } from './embedded-worker.ts';

type GroupStart = Start<readonly GroupedAnswer[]> & { readonly input: WriteGroupInput };

/** One workflow for writes that differ in nothing but their operations. */
export function groupStart(inputs: readonly [WriteInput, ...WriteInput[]]): GroupStart {
  const writes = inputs.map(({ operation, pattern }) => ({ operation, pattern }));
  return startOf(inputs, { ...commonOf(inputs[0]), writes });
}

/** The same for writes that have been made: of those that the primary has, the workflow needs little. */
export function groupStartBehind(writes: readonly [WrittenHere, ...WrittenHere[]]): GroupStart {
  const [first, ...others] = writes;
  const whole: WriteInput[] = [];
  const decided = new Map<string, DecidedWrites & { readonly writes: DecidedWrite[] }>();
  for (const { input } of writes) {
    const write = decidedWrite(input);
    if (!write) {
      whole.push(input);
      continue;
    }
    const { pattern } = input;
    const { entity, definition } = input.operation;
    const common = JSON.stringify([entity, pattern, definition]);
    const own = decided.get(common) ?? { entity, pattern, definition, writes: [] };
    decided.set(common, own);
    own.writes.push(write);
  }
  return startOf([first.input, ...others.map(({ input }) => input)], {
    ...commonOf(first.input),
    writes: whole.map(({ operation, pattern }) => ({ operation, pattern })),
    decided: [...decided.values()],
  });
}

/** What a group's workflow needs of a write that is decided; null of any other. */
export function decidedWrite({
  operation: { id, kind, key },
  decided: version,
}: WriteInput): DecidedWrite | null {
  return version === undefined ? null : { id, kind, key, version };
}

function commonOf({ migration, ack, route, dualWrite, policy }: WriteInput): GroupCommon {
  return { migration, ack, route, dualWrite, policy };
}

function startOf(inputs: readonly [WriteInput, ...WriteInput[]], input: WriteGroupInput): GroupStart {
  const entities = [...new Set(inputs.map(({ operation }) => operation.entity))];
  return {
    workflowType: 'writeGroup',
    workflowId: writeGroupWorkflowId(input.migration, randomUUID()),
    input,
    acknowledgement: groupAcknowledged,
    recorded: inputs.map((): GroupedAnswer => ({ status: 'done', version: null })),
    // It is found by its entity where it is about one.
    entities: entities.length === 1 ? entities : [],
    summary: `${inputs.length} writes of ${entities.join(', ')}`.slice(0, 200),
  };
}
