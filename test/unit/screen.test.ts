import { stripVTControlCharacters } from 'node:util';
import pc from 'picocolors';
import { expect, test } from 'vitest';
import { fitted, Screen } from '../../cli/screen.ts';

const { bold, green, red } = pc.createColors(true);
const lines = [
  `legacy-only → dual-write → ${bold(green('[backfill]'))} → validate → switch-reads → switch-primary → modern-only → decommissioned`,
  'writes    primary legacy, secondary modern',
  red(
    'problem   the legacy store at a-host-with-a-long-name.example.com:3306/accounts is not available: error 1045',
  ),
  `evidence  ${'x'.repeat(200)}`,
  '',
];

test.each([40, 80, 120])('lines fit %i columns and lose nothing', (columns) => {
  const shown = fitted(lines, columns).map((line) => stripVTControlCharacters(line));
  for (const line of shown) expect(line.length).toBeLessThanOrEqual(columns);
  expect(shown.join('').replace(/\s/g, '')).toBe(stripVTControlCharacters(lines.join('')).replace(/\s/g, ''));
  // What fits stays as it is.
  if (columns >= 80) expect(shown).toContain('writes    primary legacy, secondary modern');
});

test('a picture is drawn over the last one, whole, and clears only what follows it', () => {
  const written: string[] = [];
  const terminal = { columns: 40, rows: 10, write: (text: string) => written.push(text) > 0 };
  const screen = new Screen(terminal);
  screen.draw(['first', 'second']);
  screen.draw(['third']);
  expect(written).toHaveLength(2);
  const [begun = '', next = ''] = written;
  // What stood on the terminal goes up into its memory.
  expect(begun.startsWith('\n'.repeat(9))).toBe(true);
  for (const text of written) expect(text).not.toContain('\u001b[2J');
  expect(next).toBe('\u001b[Hthird\u001b[0m\u001b[K\n\u001b[J');
});

test('a picture that is higher than the terminal says what it leaves out, and nothing scrolls', () => {
  const written: string[] = [];
  const screen = new Screen({ columns: 40, rows: 5, write: (text: string) => written.push(text) > 0 });
  screen.draw(['1', '2', '3', '4', '5', '6', '7']);
  const shown = stripVTControlCharacters(written.join('')).trim().split('\n');
  expect(shown).toEqual(['1', '2', '3', '… 4 lines more']);
});
