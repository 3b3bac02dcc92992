#!/usr/bin/env node
import { CommanderError } from 'commander';
import { reportFailure } from './output.ts';
import { createProgram } from './program.ts';
import type { GlobalOptions } from './session.ts';

const program = createProgram();

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode;
  else
    process.exitCode = reportFailure(
      error,
      program.opts<GlobalOptions>().json || process.argv.includes('--json'),
    );
}
