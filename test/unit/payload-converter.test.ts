import { expect, test } from 'vitest';
import { maxDepth, whyNotTaken } from '../../model/inputs/not-taken.ts';
import { rawJson, unreadablePayloads } from '../../proofs/hostile/raw-payloads.ts';
import { payloadConverter as inActivities } from '../../workers/payload-converter.ts';
import { payloadConverter as inWorkflows } from '../../workflows/payload-converter.ts';

const ofWorkflow = { type: 'workflow', namespace: 'default', workflowId: 'w' } as const;
const ofActivity = { type: 'activity', namespace: 'default', workflowId: 'w', isLocal: false } as const;

const taken = ['raw bytes'];

test.each(Object.entries(unreadablePayloads))(
  '%s is read as a marker where somebody looks at it',
  (what, payload) => {
    const reading = [
      () => inWorkflows.fromPayload(payload, ofWorkflow),
      () => inWorkflows.fromPayload(payload),
      () => inActivities.fromPayload(payload, ofActivity),
    ];
    for (const read of reading) expect(whyNotTaken(read()) === null).toBe(taken.includes(what));
    if (!taken.includes(what) && !what.endsWith('deep'))
      expect(() => inWorkflows.fromPayload(payload, ofActivity)).toThrow();
  },
);

test('what nests as deep as may be is taken, and one level more is not', () => {
  const nested = (depth: number) => inWorkflows.fromPayload(rawJson('['.repeat(depth) + ']'.repeat(depth)));
  expect(whyNotTaken(nested(maxDepth))).toBeNull();
  expect(whyNotTaken(nested(maxDepth + 1))).toContain('more than 1000 deep');
  const wide = inWorkflows.fromPayload(rawJson(`[${'[[]],'.repeat(100_000)}[]]`));
  expect(whyNotTaken(wide)).toBeNull();
});
