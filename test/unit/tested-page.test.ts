import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readTested } from '../support/tested.ts';
import { pagePath, testedPage } from '../support/tested-page.ts';

test('docs/servers.md has the counts of docs/tested.json; write it again with node test/support/tested-page.ts', () => {
  expect(readFileSync(pagePath, 'utf8')).toBe(testedPage());
});

test('README.md names versions of databases that were tested, and no other', () => {
  const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8');
  const named = readme.match(/(MySQL|MariaDB|PostgreSQL) \d+(\.\d+)?/g) ?? [];
  const tested = new Set(readTested().flatMap(({ on }) => on.split(' with ')));
  expect([...new Set(named)].toSorted()).toEqual([...tested].toSorted());
});
