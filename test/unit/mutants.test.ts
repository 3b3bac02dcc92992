import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { guards } from '../../proofs/mutants/guards.ts';
import { withoutGuard } from '../../proofs/mutants/patch.ts';

const root = resolve(import.meta.dirname, '../..');

test.each(guards)('$file: $keeps', (guard) => {
  const source = readFileSync(join(root, guard.file), 'utf8');
  expect(withoutGuard(source, guard)).not.toBe(source);
  for (const file of guard.tests) expect(existsSync(join(root, file)), file).toBe(true);
});

test('a text that is not there, or there twice, is an error', () => {
  const guard = { file: 'any.ts', text: 'lock();', without: '', tests: [], keeps: 'any' };
  expect(() => withoutGuard('work();', guard)).toThrow('0 times');
  expect(() => withoutGuard('lock(); lock();', guard)).toThrow('2 times');
});
