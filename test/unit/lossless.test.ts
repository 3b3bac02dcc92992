import { expect, test } from 'vitest';
import { assertLossless } from '../../databases/columns/lossless.ts';

test.each([`1${'0'.repeat(400)}`, `{"a":[-1${'0'.repeat(400)}]}`, '0.12345678901234567890123'])(
  'a column that keeps 64-bit numbers would round one of %s',
  (json) => {
    const column = { declared: 'json', natural: { kind: 'json' }, limits: { jsonDoubles: true } } as const;
    expect(() => assertLossless(column as never, { kind: 'json' }, json)).toThrow(
      'holds a number that json would round; keep it as a string',
    );
  },
);
