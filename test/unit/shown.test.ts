import { expect, test } from 'vitest';
import { table } from '../../cli/output.ts';
import { Screen } from '../../cli/screen.ts';
import { oneLine, shown } from '../../cli/shown.ts';

const hostile = '\u001b]0;title\u0007\u001b[2J\u001b[8m\u009b1A\u202edneped\u0000\r';

test('a terminal gets nothing that moves its cursor or turns text round, and our own colours', () => {
  expect(shown(hostile)).toBe(
    String.raw`\u001b]0;title\u0007\u001b[2J\u001b[8m\u009b1A\u202edneped\u0000\u000d`,
  );
  const own = '\u001b[1m\u001b[32m[backfill]\u001b[39m\u001b[22m\ttab\nline äöü 名 🙂';
  expect(shown(own)).toBe(own);
});

test('JSON stays what it was', () => {
  const value = { [hostile]: [hostile, '\n'] };
  const text = shown(JSON.stringify(value));
  expect(JSON.parse(text)).toEqual(value);
  expect(text).not.toMatch(/[\p{Cc}\u202e]/u);
});

test('what others have written makes no line of its own', () => {
  expect(oneLine('by me\r\nphase     [decommission]\u2028x')).toBe('by me phase     [decommission] x');
  expect(table([['a\nb', 'c\u001b[2J']])).toEqual([String.raw`a b  c\u001b[2J`]);
  const drawn: string[] = [];
  new Screen({ columns: 80, rows: 24, write: (text: string) => void drawn.push(text) }).draw([
    `x${hostile}\ny`,
  ]);
  expect(drawn.join('')).toContain(String.raw`x\u001b]0;title\u0007`);
  expect(drawn.join('')).not.toContain('\u001b[2J');
});
