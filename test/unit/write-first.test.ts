import { expect, test } from 'vitest';
import type { EmbeddedWorker, WrittenHere } from '../../client/service/embedded-worker.ts';
import { StartBehind } from '../../client/service/start-behind.ts';
import { writeFirst } from '../../client/service/write-first.ts';
import { LockstepError } from '../../model/failure.ts';
import type { WriteInput } from '../../model/operation.ts';
import { until } from '../support/until.ts';

const follower = { open: async () => null, takeOver: () => {}, begun: () => {} };

function timed(id: string, bytes = 1) {
  const operation = { id, entity: 'account', kind: 'create', key: [id], image: { note: 'x'.repeat(bytes) } };
  const route = { epoch: 1, primary: 'legacy', secondary: 'modern' };
  const given = { migration: 'm', operation, route, ack: 'both', dualWrite: true, validateAfterMs: null };
  return { input: given as unknown as WriteInput, until: performance.now() + 50 };
}

/** Of a worker that has both stores at hand, and notes what it was asked to write. */
function service(starts: StartBehind, isOwed = false) {
  const asked: string[] = [];
  const write: EmbeddedWorker['write'] = async (inputs) =>
    inputs.map((input): WrittenHere => {
      asked.push(input.operation.id);
      const decision = { status: 'applied' as const, version: '7' };
      const timing = { startedAtMs: 0, tookMs: 0 };
      return {
        input,
        answer: { status: 'done', version: '7' },
        decision,
        timing,
        isOwed,
        completed: Promise.resolve(),
      };
    });
  const given = { temporal: {} as never, migration: {} as never };
  const behind = { worker: { ...follower, write } as unknown as EmbeddedWorker, starts };
  return {
    asked,
    write: (...[first, ...others]: Parameters<typeof writeFirst>[2]) =>
      writeFirst(given, behind, [first, ...others]),
  };
}

test('what both stores have is answered, and gets a workflow', async () => {
  const started: string[] = [];
  const starts = new StartBehind(follower, async ({ workflowType }) => {
    started.push(workflowType);
    return true;
  });
  const { write } = service(starts);
  const receipts = await Promise.all(write(timed('a'), timed('b')));
  expect(receipts).toMatchObject([{ operationId: 'a' }, { operationId: 'b' }]);
  await starts.close();
  expect(started).toEqual(['writeGroup']);
});

test('what the other store does not have yet is answered when its workflow is started', async () => {
  const told = Promise.withResolvers<boolean>();
  const started: string[] = [];
  const starts = new StartBehind(follower, async ({ workflowType }) => {
    started.push(workflowType);
    return await told.promise;
  });
  const { write } = service(starts, true);
  let answered = 0;
  const receipts = write(timed('a'), timed('b')).map(async (receipt) => {
    await receipt;
    answered += 1;
  });
  await until('it is being started', async () => started.length > 0);
  expect(answered).toBe(0);
  told.resolve(true);
  await Promise.all(receipts);
  await starts.close();
  expect(started).toEqual(['writeGroup']);
});

test('what the other store does not have, and no workflow sees to, is not said to be done', async () => {
  const starts = new StartBehind(follower, async () => {
    throw new LockstepError('TemporalUnavailable', 'Temporal is away');
  });
  const { write } = service(starts, true);
  await expect(write(timed('a'))[0]).rejects.toMatchObject({ code: 'OutcomeUnknown' });
  const full = new StartBehind({ ...follower, open: async () => 16 }, async () => true);
  await expect(service(full, true).write(timed('b'))[0]).rejects.toMatchObject({
    code: 'OutcomeUnknown',
    message: expect.stringMatching(/16 workflows of this process have not run yet/),
  });
});

test('while too many writes wait for workflows, no further one is made', async () => {
  const starts = new StartBehind(follower, async () => {
    throw new LockstepError('TemporalUnavailable', 'Temporal is away');
  });
  for (let index = 0; index < 50; index++)
    starts.add({ input: timed(`w${index}`, 100_000).input } as WrittenHere);
  const { asked, write } = service(starts);
  await expect(write(timed('late'))[0]).rejects.toMatchObject({ code: 'Overloaded' });
  expect(asked).toEqual([]);
  await starts.close();
});

test('what is too large for a workflow is not written', async () => {
  const starts = new StartBehind(follower, async () => true);
  const { asked, write } = service(starts);
  await expect(write(timed('large', 4_000_000))[0]).rejects.toMatchObject({ code: 'TooLarge' });
  expect(asked).toEqual([]);
});
