import { expect, test } from 'vitest';
import { HeldSlots } from '../../workers/held-slots.ts';

const unaborted = () => new AbortController().signal;

/** Whether a promise is settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const later = new Promise<boolean>((resolve) => setImmediate(() => resolve(false)));
  return await Promise.race([promise.then(() => true), later]);
}

test('so many slots are given, and each again when it is released', async () => {
  const slots = new HeldSlots(1, () => false);
  await slots.reserveSlot({}, unaborted());
  const next = slots.reserveSlot({}, unaborted());
  expect(await isSettled(next)).toBe(false);
  expect(slots.tryReserveSlot()).toBeNull();
  slots.releaseSlot();
  expect(await isSettled(next)).toBe(true);
});

test('while it is held, no slot is given; those who waited have one as soon as it is not', async () => {
  let held = true;
  const slots = new HeldSlots(2, () => held);
  const [first, second, third] = [1, 2, 3].map(() => slots.reserveSlot({}, unaborted()));
  slots.look();
  expect(slots.tryReserveSlot()).toBeNull();
  expect(await isSettled(Promise.any([first, second, third]))).toBe(false);
  held = false;
  slots.look();
  await Promise.all([first, second]);
  expect(await isSettled(Promise.resolve(third))).toBe(false);
});

test('a worker that ends waits for no slot', async () => {
  const slots = new HeldSlots(1, () => true);
  const ending = new AbortController();
  const waiting = slots.reserveSlot({}, ending.signal);
  ending.abort(new Error('ended'));
  await expect(waiting).rejects.toThrow('ended');
  expect(slots.tryReserveSlot()).toBeNull();
});
