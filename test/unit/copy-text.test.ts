import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cellText } from '../../databases/copy-format/copy-text.ts';

const letters: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

test('a cell is read without its escapes, whatever stands behind a backslash', () => {
  const part = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 3 }),
    fc.constantFrom(
      '\\\\',
      '\\n',
      '\\t',
      '\\r',
      '\\v',
      '\\b',
      '\\f',
      '\\x',
      '\\ä',
      '\\🎉',
      '\\',
      '\\\\n',
      'N',
      '\ufeff',
    ),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 8 }), fc.nat({ max: 3 }), (parts, before) => {
      const text = parts.join('');
      const bytes = Buffer.from(`${'x'.repeat(before)}${text}\tnext`);
      const to = before + Buffer.byteLength(text);
      const expected =
        text === '\\N' ? null : text.replaceAll(/\\(.)/gsu, (_, letter: string) => letters[letter] ?? letter);
      expect(cellText(bytes, before, to)).toBe(expected);
    }),
    { numRuns: 1_000 },
  );
});
