import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { defaultStores } from '../../model/migration.ts';
import { defaultSettings } from '../../model/settings.ts';

/** What the docstrings of an interface say its members are by default. */
function told(file: string, name: string): Record<string, string> {
  const source = readFileSync(join(import.meta.dirname, '../../model', file), 'utf8');
  const [, body = ''] = new RegExp(`interface ${name} \\{\\n(.*?)\\n\\}`, 's').exec(source) ?? [];
  const members = body.matchAll(/@default ([^*]*?)\s*\*\/\s*readonly (\w+):/gs);
  return Object.fromEntries(
    [...members].map(([, value = '', member = '']) => [member, value.replaceAll(/[_[\]]/g, '')]),
  );
}

function texts(values: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, String(value).replaceAll(',', ', ')]),
  );
}

test.each([
  ['WriteSettings', 'write'],
  ['TransactionSettings', 'transactions'],
  ['PhaseSettings', 'phases'],
  ['ReadSettings', 'reads'],
  ['BackfillSettings', 'backfill'],
  ['ValidationSettings', 'validation'],
  ['PostWriteValidationSettings', 'postWriteValidation'],
  ['JournalSettings', 'journal'],
] as const)('the docstrings of %s tell the defaults as they are', (name, group) => {
  expect(told('settings.ts', name)).toEqual(texts(defaultSettings[group]));
});

test('the docstrings of a store tell the defaults as they are', () => {
  const { urlFrom: _, ...options } = told('migration.ts', 'StoreOptions');
  for (const { urlFrom: __, ...defaults } of Object.values(defaultStores))
    expect(options).toEqual(texts(defaults));
});
