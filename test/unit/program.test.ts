import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createProgram } from '../../cli/program.ts';

test('lockstep --version prints the version of the package', () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));
  let printed = '';
  const program = createProgram().configureOutput({ writeOut: (text) => (printed += text) });
  expect(() => program.parse(['--version'], { from: 'user' })).toThrowError(
    expect.objectContaining({ code: 'commander.version', exitCode: 0 }),
  );
  expect(printed).toBe(`${version}\n`);
});

test('a validation of a sample is not one of every key', () => {
  const program = createProgram().configureOutput({ writeErr: () => undefined });
  expect(() => program.parse(['validate', '--sample', '10', '--full'], { from: 'user' })).toThrowError(
    expect.objectContaining({ code: 'commander.conflictingOption' }),
  );
});
