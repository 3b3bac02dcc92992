import { readdirSync, readFileSync } from 'node:fs';
import { Worker } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { expect, test } from 'vitest';
import { workflowBundle } from '../../workers/bundle.ts';
import * as workflows from '../../workflows/index.ts';
import '../support/quiet.ts';

interface StartedEvent {
  readonly workflowExecutionStartedEventAttributes?: {
    readonly workflowId: string;
    readonly workflowType: { readonly name: string };
  };
}

const folder = new URL('../histories/', import.meta.url);
const files = readdirSync(folder);

function startOf({ events: [first] }: { readonly events: readonly StartedEvent[] }) {
  const started = first?.workflowExecutionStartedEventAttributes;
  if (!started) throw new TypeError('a history begins with the start of its workflow');
  return started;
}

function historyIn(file: string): string {
  return readFileSync(new URL(file, folder), 'utf8');
}

async function replay(histories: { workflowId: string; history: unknown }[]) {
  const results: [string, Error | undefined][] = [];
  const options = { workflowBundle: await workflowBundle() };
  for await (const { workflowId, error } of Worker.runReplayHistories(options, histories)) {
    results.push([workflowId, error]);
  }
  return results;
}

test('workflows take up every recorded history', async () => {
  const histories = files.map((file) => {
    const history = JSON.parse(historyIn(file)) as { events: StartedEvent[] };
    return { workflowId: startOf(history).workflowId, history };
  });
  expect(await replay(histories)).toEqual(histories.map(({ workflowId }) => [workflowId, undefined]));
});

test('every workflow has a history', () => {
  const recorded = files.map((file) => {
    const history = JSON.parse(historyIn(file)) as { events: StartedEvent[] };
    return startOf(history).workflowType.name;
  });
  expect(new Set(recorded)).toEqual(new Set(Object.keys(workflows)));
});

test('a history of other steps is not taken up', async () => {
  const mutated = historyIn('write-parked.json').replaceAll('"parkOperation"', '"anotherActivity"');
  const [[, error] = []] = await replay([{ workflowId: 'mutated', history: JSON.parse(mutated) }]);
  expect(error).toBeInstanceOf(DeterminismViolationError);
});
