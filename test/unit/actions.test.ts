import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { actionsOf } from '../../bench/cost/actions.ts';

function actionsIn(file: string): number {
  const { events } = JSON.parse(readFileSync(new URL(`../histories/${file}`, import.meta.url), 'utf8'));
  return actionsOf(events);
}

test('a start, an update and all local activities of a workflow task are one action each', () => {
  expect(actionsIn('write-plain.json')).toBe(3);
});

test('an activity is an action more', () => {
  expect(actionsIn('write-late.json')).toBe(4);
});

test('so is each further attempt of one, and each child workflow, whose own start is in its own history', () => {
  expect(actionsIn('write-group.json')).toBe(7);
});
