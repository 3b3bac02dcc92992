import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { leastNode, oldNodeReason } from '../../cli/least-node.ts';

test('the command runs on what package.json says, and tells an older Node', () => {
  const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(engines.node).toBe(`>=${leastNode.join('.')}`);
  for (const version of ['22.14.0', '22.18.1', '24.0.0']) expect(oldNodeReason(version)).toBeNull();
  for (const version of ['22.13.9', '20.20.2', '18.0.0'])
    expect(oldNodeReason(version)).toContain(`and this is ${version}`);
});
