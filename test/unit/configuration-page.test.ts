import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configurationPage, describedSettings, pagePath } from '../support/configuration-page.ts';

test('docs/configuration.md says what the code does; write it again with node test/support/configuration-page.ts', () => {
  expect(readFileSync(pagePath, 'utf8')).toBe(configurationPage());
});

test('every setting says its default, and says it rightly', () => {
  const settings = describedSettings();
  expect(settings.length).toBeGreaterThan(20);
  for (const { group, name, described, actual } of settings) {
    const where = `${group}.${name}`;
    if (name === 'urlFrom') expect(described, where).toContain(String(actual));
    else expect(JSON.parse(described.replaceAll('_', '')), where).toEqual(actual);
  }
});
