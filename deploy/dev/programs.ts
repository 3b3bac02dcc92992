import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import type { Account } from './account.ts';
import type { Command } from './contract.ts';

const execute = promisify(execFile);

/** The full name of a program on the PATH or in one of the further folders. */
export function which(program: string, folders: readonly string[] = []): string | undefined {
  const path = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...path, ...folders].map((folder) => join(folder, program)).find(isExecutable);
}

export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Runs a program to its end and returns what it wrote; its failure says which program it was and how it ended. */
export async function run(
  { file, args, env }: Command,
  { timeoutMs, account }: { timeoutMs: number; account?: Account | null },
): Promise<string> {
  try {
    const { stdout } = await execute(file, args, {
      env: { ...process.env, ...env },
      timeout: timeoutMs,
      maxBuffer: 64 << 20,
      ...(account && { uid: account.uid, gid: account.gid, cwd: '/' }),
    });
    return stdout;
  } catch (error) {
    throw new Error(`${file} ${args[0] ?? ''} failed: ${reasonOf(error, timeoutMs)}`, { cause: error });
  }
}

function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if ('killed' in error && error.killed === true) return `not done after ${timeoutMs / 1000} s`;
  const written = 'stderr' in error ? String(error.stderr).trim() : '';
  if (written === '') return error.message;
  const lines = written.split('\n');
  // Some programs say the reason first, some last; most call it an error.
  const errors = lines.filter((line) => /error/i.test(line));
  return (errors.length > 0 ? errors.slice(0, 3) : lines.slice(-3)).join(' · ');
}
