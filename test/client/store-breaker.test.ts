import { expect, test } from 'vitest';
import { StoreBreaker } from '../../client/service/store-breaker.ts';

const store = { name: 'modern', address: 'here:1/db' } as const;

/** A breaker with a clock of its own, and a store that answers, fails or hangs. */
function broken() {
  let elapsed = 0;
  let asked = 0;
  const breaker = new StoreBreaker(5, () => elapsed);
  const ask = async (how: 'answers' | 'fails' | 'hangs') =>
    await breaker
      .ask(store, async () => {
        asked += 1;
        if (how === 'fails') throw new Error('refused');
        return how === 'answers' ? 'read' : await new Promise<never>(() => undefined);
      })
      .catch((error: Error) => error.message);
  return { ask, asked: () => asked, pass: (ms: number) => (elapsed += ms) };
}

const late = expect.stringContaining('did not answer a read within 5 ms');

test('a store that was late again and again is left alone, then tried by one read', async () => {
  const { ask, asked, pass } = broken();
  for (let time = 0; time < 5; time += 1) expect(await ask('hangs')).toEqual(late);
  expect(await ask('answers')).toEqual(late);
  expect(asked()).toBe(5);
  pass(5_000);
  const trial = ask('hangs');
  expect(await ask('answers')).toEqual(late);
  expect(await trial).toEqual(late);
  expect(asked()).toBe(6);
  pass(5_000);
  expect(await ask('answers')).toBe('read');
  expect(await ask('answers')).toBe('read');
});

test('an answer in between, a failure too, lets a store be asked on', async () => {
  const { ask, asked } = broken();
  for (const between of ['answers', 'fails'] as const) {
    for (let time = 0; time < 4; time += 1) await ask('hangs');
    await ask(between);
  }
  expect(asked()).toBe(10);
  expect(await ask('answers')).toBe('read');
});
