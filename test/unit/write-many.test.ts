import { expect, test } from 'vitest';
import { overloaded } from '../../client/service/overloaded.ts';
import { type Receipt, receiptOf } from '../../client/service/receipt.ts';
import { writeMany } from '../../client/service/write-many.ts';
import { LockstepError } from '../../model/failure.ts';

const whenReady = () => Promise.resolve();
const receipt = (id: string): Receipt => receiptOf(id, '1');

test('outcomes are in the order of the writes, and a refused one fails none of the others', async () => {
  const refused = new LockstepError('AlreadyExists', 'it is there');
  const slow = Promise.withResolvers<Receipt>();
  const writes = [() => slow.promise, () => Promise.reject(refused), async () => receipt('c')];
  const outcomes = writeMany(writes, { concurrency: 3, whenReady });
  slow.resolve(receipt('a'));
  expect(await outcomes).toEqual([{ receipt: receipt('a') }, { error: refused }, { receipt: receipt('c') }]);
});

test('no more are under way than it is told', async () => {
  let underWay = 0;
  let most = 0;
  const write = async () => {
    underWay += 1;
    most = Math.max(most, underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay -= 1;
    return receipt('one');
  };
  const outcomes = await writeMany(Array(20).fill(write), { concurrency: 4, whenReady });
  expect(outcomes).toHaveLength(20);
  expect(most).toBe(4);
});

test('a write that did not get its turn is sent again when there is room', async () => {
  const room = Promise.withResolvers<void>();
  let tries = 0;
  const write = async () => {
    tries += 1;
    if (tries === 1) throw overloaded('10 writes wait', { waiting: 10 });
    return receipt('late');
  };
  const outcomes = writeMany([write], { concurrency: 1, whenReady: () => room.promise });
  await new Promise((resolve) => setImmediate(resolve));
  expect(tries).toBe(1);
  room.resolve();
  expect(await outcomes).toEqual([{ receipt: receipt('late') }]);
});

test('what is no failure of Lockstep is thrown', async () => {
  const write = () => Promise.reject(new TypeError('a mistake of the caller'));
  await expect(writeMany([write], { concurrency: 2, whenReady })).rejects.toThrow('a mistake of the caller');
});

test('says what to pass where a write has begun already', async () => {
  const write = async () => receipt('one');
  const begun = [write, write()] as unknown as (typeof write)[];
  await expect(writeMany(begun, { concurrency: 1, whenReady })).rejects.toThrow(
    'write 2 is no function; pass () => repository.create(one)',
  );
});
