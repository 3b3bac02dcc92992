import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { failureSubjects, violations } from '../../model/failure.ts';
import { errorsPage, pagePath } from '../support/errors-page.ts';

test('docs/errors.md tells what the code does; write it again with node test/support/errors-page.ts', () => {
  expect(readFileSync(pagePath, 'utf8')).toBe(errorsPage());
});

test.each([...failureSubjects, ...violations])('the page explains the detail %s', (word) => {
  expect(errorsPage()).toContain(`\`${word}\``);
});
