import { expect, test } from 'vitest';
import { type QueuedWrite, type QueueLimits, WriteQueue } from '../../client/service/write-queue.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';

interface Named extends QueuedWrite {
  readonly name: string;
}

/** Groups as they were sent; each of their writes is answered by `answer`. */
function queueOf(given: Partial<QueueLimits> = {}) {
  const sent: string[][] = [];
  const answers = new Map<string, PromiseWithResolvers<string>>();
  const limits = {
    groupSize: 3,
    groupBytes: 100,
    groupsInFlight: 1,
    maxWaiting: 10,
    slowMs: 60_000,
    ...given,
  };
  const queue = new WriteQueue<Named, string>(limits, (group) => {
    sent.push(group.map(({ name }) => name));
    return group.map(({ name }) => {
      const answer = Promise.withResolvers<string>();
      answers.set(name, answer);
      return answer.promise;
    });
  });
  const add = (name: string, write: Partial<QueuedWrite> = {}) => {
    const queued = queue.add({ name, record: name, kind: 'primary', bytes: 1, ...write });
    queued.answer.catch(() => undefined);
    return queued;
  };
  /** Lets everything happen that can happen without an answer. */
  const settled = async () => {
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  const answer = async (...names: string[]) => {
    for (const name of names) answers.get(name)?.resolve(`${name} is in`);
    await settled();
  };
  return { queue, sent, answers, add, settled, answer };
}

test('a single write is sent alone, at once', async () => {
  const { sent, add, settled, answer } = queueOf();
  const { answer: got } = add('a');
  await settled();
  expect(sent).toEqual([['a']]);
  await answer('a');
  expect(await got).toBe('a is in');
});

test('what comes while a group is in flight goes together, in the order it came', async () => {
  const { sent, add, settled, answer } = queueOf();
  add('a');
  await settled();
  for (const name of ['b', 'c', 'd', 'e']) add(name);
  await settled();
  expect(sent).toEqual([['a']]);
  await answer('a');
  expect(sent).toEqual([['a'], ['b', 'c', 'd']]);
  await answer('b', 'c', 'd');
  expect(sent.at(-1)).toEqual(['e']);
});

test('callers that were answered together send their next writes together', async () => {
  const { sent, add, settled, answer } = queueOf({ groupsInFlight: 2 });
  const again = async (name: string) => {
    await add(name).answer;
    await Promise.resolve();
    add(`${name}2`);
  };
  void again('a');
  void again('b');
  await settled();
  await answer('a', 'b');
  expect(sent).toEqual([
    ['a', 'b'],
    ['a2', 'b2'],
  ]);
});

test('a group has no more bytes than allowed, but always one write', async () => {
  const { sent, add, settled, answer } = queueOf();
  add('a', { bytes: 60 });
  add('b', { bytes: 60 });
  add('c', { bytes: 500 });
  add('d', { bytes: 30 });
  await settled();
  await answer('a', 'd');
  await answer('b');
  await answer('c');
  expect(sent).toEqual([['a', 'd'], ['b'], ['c']]);
});

test('writes of a record are never in two groups in flight, and keep their order', async () => {
  const { sent, add, settled, answer } = queueOf({ groupsInFlight: 5 });
  add('a1', { record: 'a' });
  await settled();
  add('a2', { record: 'a' });
  add('b1', { record: 'b' });
  add('a3', { record: 'a' });
  await settled();
  expect(sent).toEqual([['a1'], ['b1']]);
  await answer('a1');
  expect(sent.at(-1)).toEqual(['a2', 'a3']);
});

test('a write that is passed over keeps its place before later ones of its record', async () => {
  const { sent, add, settled, answer } = queueOf({ groupsInFlight: 1 });
  add('a', { kind: 'both' });
  add('b1', { record: 'b', kind: 'primary' });
  add('b2', { record: 'b', kind: 'both' });
  add('c', { kind: 'both' });
  await settled();
  await answer('a', 'c');
  await answer('b1');
  expect(sent).toEqual([['a', 'c'], ['b1'], ['b2']]);
});

test('a group that is not answered in time holds up its own records only', async () => {
  const { sent, add, settled } = queueOf({ slowMs: 1 });
  add('a1', { record: 'a' });
  await settled();
  add('a2', { record: 'a' });
  add('b');
  while (sent.length < 2) await settled();
  expect(sent).toEqual([['a1'], ['b']]);
});

test('a group that was slow long before another write came needs no timer of the past', async () => {
  const warnings: Error[] = [];
  const hear = (warning: Error) => void warnings.push(warning);
  process.on('warning', hear);
  const { sent, add, settled } = queueOf({ slowMs: 1 });
  add('a1', { record: 'a' });
  const sentAt = performance.now();
  while (performance.now() < sentAt + 5) await settled();
  add('b');
  while (sent.length < 2) await settled();
  process.off('warning', hear);
  expect(warnings).toEqual([]);
});

test('a failure of one write is its own', async () => {
  const { sent, add, settled, answer, answers } = queueOf();
  const [a, b] = [add('a'), add('b')];
  await settled();
  answers.get('a')?.reject(new Error('refused'));
  await answer('b');
  await expect(a.answer).rejects.toThrow('refused');
  expect(await b.answer).toBe('b is in');
  add('c');
  await settled();
  expect(sent.at(-1)).toEqual(['c']);
});

test('more writes than may wait are refused, until there is room again', async () => {
  const { queue, add, settled, answer, sent } = queueOf({ maxWaiting: 4 });
  add('in flight');
  await settled();
  for (const name of ['a', 'b', 'c', 'd']) add(name);
  let refused: unknown;
  try {
    add('e');
  } catch (error) {
    refused = error;
  }
  expect(isLockstepError(refused, 'Overloaded') && refused.details.measured).toEqual({ waiting: 4 });
  let ready = false;
  const whenReady = queue.whenReady().then(() => {
    ready = true;
  });
  await settled();
  expect(ready).toBe(false);
  await answer('in flight');
  await whenReady;
  add('e');
  await answer('a', 'b', 'c');
  expect(sent).toEqual([['in flight'], ['a', 'b', 'c'], ['d', 'e']]);
});

test('a write that is withdrawn in time is never sent', async () => {
  const { sent, add, settled, answer } = queueOf();
  const a = add('a');
  await settled();
  const b = add('b');
  expect([a.withdraw(), b.withdraw(), b.withdraw()]).toEqual([false, true, false]);
  await answer('a');
  expect(sent).toEqual([['a']]);
});
