import { expect, test } from 'vitest';
import { textRangesOf } from '../../databases/columns/key-span.ts';
import { Random } from '../../examples/orders/random.ts';

const textOf = (number: bigint) => JSON.stringify([String(number)]);

test('the texts of the whole numbers in a span, and of no others, lie in its ranges', () => {
  const random = new Random(11);
  const edges = [-1_000n, -101n, -100n, -10n, -9n, -1n, 0n, 1n, 9n, 10n, 99n, 100n, 999n, 1_000n, 12_345n];
  for (let round = 0; round < 300; round++) {
    const [one = 0n, other = 0n] = [0, 1].map(() =>
      random.next() < 0.5
        ? (edges[random.between(0, edges.length - 1)] ?? 0n)
        : BigInt(random.between(-2_000, 2_000)),
    );
    const span = one < other ? { first: one, last: other } : { first: other, last: one };
    const ranges = textRangesOf(span);
    const isIn = (text: string) =>
      ranges.some(({ from, to }) => text.length === from.length && text >= from && text <= to);
    for (const number of [
      ...edges,
      ...Array.from({ length: 200 }, () => BigInt(random.between(-2_500, 2_500))),
    ]) {
      expect(isIn(textOf(number)), `${number} in ${span.first} to ${span.last}`).toBe(
        number >= span.first && number <= span.last,
      );
    }
    for (const { from, to } of ranges) expect(from.length).toBe(to.length);
  }
});
