import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { commandsPage, pagePath } from '../support/commands-page.ts';

test('docs/commands.md says what the commands do; write it again with node test/support/commands-page.ts', () => {
  expect(readFileSync(pagePath, 'utf8')).toBe(commandsPage());
});
