import { expect, test } from 'vitest';
import { mapConcurrently } from '../../activities/concurrency.ts';

/** How many pieces ran beside each, itself among them. */
async function ranBeside(pieces: readonly string[], isAlone?: (piece: string) => boolean) {
  const rest = pieces.values();
  const running = new Set<string>();
  const most = new Map<string, number>();
  await mapConcurrently(
    3,
    async () => rest.next().value ?? null,
    async (piece) => {
      running.add(piece);
      for (const one of running) most.set(one, Math.max(most.get(one) ?? 0, running.size));
      await new Promise((resolve) => setImmediate(resolve));
      running.delete(piece);
    },
    isAlone,
  );
  return Object.fromEntries(most);
}

test('so many pieces run at a time', async () => {
  expect(await ranBeside(['a', 'b', 'c', 'd'])).toMatchObject({ a: 3, b: 3, c: 3 });
});

test('nothing runs beside a piece that is to be alone', async () => {
  expect(await ranBeside(['a', 'b', 'alone', 'c', 'd'], (piece) => piece === 'alone')).toEqual({
    a: 2,
    b: 2,
    alone: 1,
    c: 2,
    d: 2,
  });
});
