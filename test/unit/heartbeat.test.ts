import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { withHeartbeat } from '../../activities/heartbeat.ts';

test('a long statement is no lost worker: heartbeats come while it runs', async () => {
  const environment = new MockActivityEnvironment({ isLocal: false });
  let beats = 0;
  const second = Promise.withResolvers<void>();
  environment.on('heartbeat', () => {
    beats += 1;
    if (beats === 2) second.resolve();
  });
  const answer = await environment.run(() =>
    withHeartbeat(async () => {
      await second.promise;
      return 'answer';
    }),
  );
  expect(answer).toBe('answer');
});
