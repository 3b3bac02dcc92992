import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterEach, expect, test, vi } from 'vitest';
import { withSmallYoungGeneration } from '../../workers/small-young-generation.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

const program = `
  const { parentPort } = require('node:worker_threads');
  parentPort.postMessage(require('node:v8').getHeapStatistics().heap_size_limit);
`;

/** What the heap of a thread may have, young generation included. */
async function limitOfThread(): Promise<number> {
  const thread = new Worker(program, { eval: true });
  const [bytes] = await once(thread, 'message');
  await thread.terminate();
  return bytes;
}

test('what is started meanwhile has a small young generation, and what is started later the usual one', async () => {
  const usual = await limitOfThread();
  const small = await withSmallYoungGeneration(limitOfThread);
  expect(usual - small).toBeGreaterThan(64 * 1024 * 1024);
  expect(await limitOfThread()).toBe(usual);
});

test('also where it could not be started', async () => {
  const usual = await limitOfThread();
  await expect(withSmallYoungGeneration(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await limitOfThread()).toBe(usual);
});

test('whoever has set the size has the last word', async () => {
  const usual = await limitOfThread();
  vi.stubEnv('NODE_OPTIONS', '--max-semi-space-size=64');
  expect(await withSmallYoungGeneration(limitOfThread)).toBe(usual);
});
