import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { formsOf, makeCanaries, Search } from '../../proofs/canaries/canary.ts';
import { seenWhere } from '../../proofs/canaries/places.ts';

test('SECURITY.md says what is seen where, as the proof has it', () => {
  const page = readFileSync(new URL('../../SECURITY.md', import.meta.url), 'utf8');
  const squeezed = page.split('\n').map((line) => line.replaceAll(/ {2,}/g, ' ').replaceAll(/-{3,}/g, '---'));
  const from = squeezed.indexOf(
    '| where | who sees it | rows and keys | notes of operators | operation ids |',
  );
  expect(squeezed.slice(from, from + seenWhere().length)).toEqual(seenWhere());
});

test('a canary is found in each form, wherever it begins, and no other is', () => {
  const canaries = makeCanaries();
  const search = new Search(canaries);
  const { row } = canaries;
  const hex = Buffer.from(row).toString('hex');
  for (const [form, text] of [
    ['plain', `{"${row}":1}`],
    ['upper case', row.toUpperCase()],
    ['hex', hex],
    ['hex', hex.toUpperCase()],
    ['percent-encoded', hex.replaceAll(/../g, '%$&')],
    ...['', 'x', 'xy', 'xyz'].flatMap((before) =>
      (['base64', 'base64url'] as const).map(
        (encoding) => ['base64', Buffer.from(`${before}${row}${before}`).toString(encoding)] as const,
      ),
    ),
  ] as const)
    expect(search.in('here', `before ${text} after`)).toEqual([{ place: 'here', kind: 'row', form }]);
  expect(search.in('here', makeCanaries().row)).toEqual([]);
});

test('no form of a canary is so short that it could occur by chance', () => {
  for (const [, text] of formsOf(makeCanaries().key)) expect(text.length).toBeGreaterThan(20);
});
