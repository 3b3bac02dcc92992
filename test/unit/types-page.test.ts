import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { pagePath, typesPage } from '../support/types-page.ts';

test('docs/types.md tells what the code does; write it again with node test/support/types-page.ts', () => {
  expect(readFileSync(pagePath, 'utf8')).toBe(typesPage());
});
