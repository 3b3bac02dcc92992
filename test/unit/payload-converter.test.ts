import { expect, test } from 'vitest';
import { isUnreadable } from '../../model/inputs/unsealed.ts';
import { unreadablePayloads } from '../../proofs/hostile/raw-payloads.ts';
import { payloadConverter as inActivities } from '../../workers/payload-converter.ts';
import { payloadConverter as inWorkflows } from '../../workflows/payload-converter.ts';

const ofWorkflow = { type: 'workflow', namespace: 'default', workflowId: 'w' } as const;
const ofActivity = { type: 'activity', namespace: 'default', workflowId: 'w', isLocal: false } as const;

/** These are values, though nothing takes them. */
const readable = ['brackets, 200,000 deep', 'objects, 100,000 deep', 'raw bytes'];

test.each(Object.entries(unreadablePayloads))(
  '%s is read as a marker where somebody looks at it',
  (what, payload) => {
    const reading = [
      () => inWorkflows.fromPayload(payload, ofWorkflow),
      () => inWorkflows.fromPayload(payload),
      () => inActivities.fromPayload(payload, ofActivity),
    ];
    for (const read of reading) expect(isUnreadable(read())).toBe(!readable.includes(what));
    if (!readable.includes(what)) expect(() => inWorkflows.fromPayload(payload, ofActivity)).toThrow();
  },
);
