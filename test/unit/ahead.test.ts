import { expect, test } from 'vitest';
import { Ahead } from '../../workers/ahead.ts';

/** What a worker does for an activity: the interceptor, around the activity itself. */
async function call(
  ahead: Ahead,
  workflowId: string,
  activityType: string,
  { isLocal = true, attempt = 1 } = {},
): Promise<unknown> {
  const info = { isLocal, attempt, activityType, workflowExecution: { workflowId } };
  const { inbound } = ahead.interceptor({ info } as never);
  return await inbound?.execute?.({ args: [], headers: {} }, async () => 'called');
}

function results(given: Readonly<Record<string, unknown>>): Map<string, Promise<unknown>> {
  return new Map(Object.entries(given).map(([activity, result]) => [activity, Promise.resolve(result)]));
}

test('a workflow takes over what was begun for it, once', async () => {
  const ahead = new Ahead();
  await ahead.open('w', 1_000);
  ahead.give('w', results({ writePrimary: 'begun' }));
  expect(await call(ahead, 'other', 'writePrimary')).toBe('called');
  expect(await call(ahead, 'w', 'replicateToSecondary')).toBe('called');
  expect(await call(ahead, 'w', 'writePrimary', { attempt: 2 })).toBe('called');
  expect(await call(ahead, 'w', 'writePrimary', { isLocal: false })).toBe('called');
  expect(await call(ahead, 'w', 'writePrimary')).toBe('begun');
  expect(await call(ahead, 'w', 'writePrimary')).toBe('called');
});

test('what fails, fails for the workflow as well', async () => {
  const ahead = new Ahead();
  await ahead.open('w', 1_000);
  ahead.give('w', new Map([['writePrimary', Promise.reject(new Error('away'))]]));
  await expect(call(ahead, 'w', 'writePrimary')).rejects.toThrow('away');
});

test('nothing is kept for a workflow that another worker may have', async () => {
  const ahead = new Ahead();
  await ahead.open('w', 1_000);
  ahead.give('w', results({ writePrimary: 'begun' }));
  ahead.leave('w');
  ahead.give('w', results({ replicateToSecondary: 'begun' }));
  expect(await call(ahead, 'w', 'writePrimary')).toBe('called');
  expect(await call(ahead, 'w', 'replicateToSecondary')).toBe('called');
});

test('whoever writes faster than workflows run waits until one has taken over all that is its own', async () => {
  const ahead = new Ahead();
  for (let index = 0; index < 16; index++) {
    await ahead.open(`w${index}`, 1_000);
    ahead.give(`w${index}`, results({ writePrimary: index, replicateToSecondary: index }));
  }
  let isOpen = false;
  const waiting = ahead.open('next', 60_000).then(() => {
    isOpen = true;
  });
  await call(ahead, 'w0', 'writePrimary');
  await new Promise((resolve) => setImmediate(resolve));
  expect(isOpen).toBe(false);
  await call(ahead, 'w0', 'replicateToSecondary');
  await waiting;
});

test('whoever has no more time is told how many workflows have not run yet', async () => {
  const ahead = new Ahead();
  for (let index = 0; index < 16; index++) await ahead.open(`w${index}`, 1_000);
  expect(await ahead.open('next', 1)).toBe(16);
  ahead.leave('w0');
  expect(await ahead.open('next', 1)).toBeNull();
});
