import { expect, test } from 'vitest';
import { parseToken, tokenOf } from '../../model/token.ts';

test('a token comes back as it was', () => {
  expect(parseToken(tokenOf('9223372036854775807'))).toBe('v1.9223372036854775807');
});

test.each(['', '17', 'v2.17', 'v1.', 'v1.-1', 'v1.01', 'v1.1.5', 'v1.9223372036854775808'])(
  '"%s" is no token, and does not come back',
  (text) => {
    expect(() => parseToken(text)).toThrow(expect.objectContaining({ code: 'InvalidToken' }));
  },
);
