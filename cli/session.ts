import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { type OperateOptions, type Operator, operate } from '../client/operator/operate.ts';
import { LockstepError } from '../model/failure.ts';
import type { Migration } from '../model/migration.ts';
import { loadMigration } from './config.ts';
import { createOutput, type Output } from './output.ts';

export interface GlobalOptions {
  readonly config: string;
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly yes: boolean;
}

export interface CliSession {
  readonly options: GlobalOptions;
  readonly output: Output;
  readonly migration: Migration;
}

/** What every command begins with: its options, its output and the migration it is about. */
export async function openSession(command: Command): Promise<CliSession> {
  const options = globalOptions(command);
  return { options, output: createOutput(options.json), migration: await loadMigration(options.config) };
}

export function globalOptions(command: Command): GlobalOptions {
  const all = command.optsWithGlobals<Partial<GlobalOptions>>();
  const own = command.opts<Partial<GlobalOptions>>();
  return {
    config: own.config ?? all.config ?? 'lockstep.config.ts',
    json: own.json || all.json || false,
    dryRun: own.dryRun || all.dryRun || false,
    yes: own.yes || all.yes || false,
  };
}

/** An operator is told so soon that no worker answers. */
const answerWithinMs = 3_000;

/** Connects, works, and closes whatever happens. */
export async function connected<T>(
  session: CliSession,
  work: (operator: Operator) => Promise<T>,
  options: Pick<OperateOptions, 'unchecked'> = {},
): Promise<T> {
  await using operator = await operate(session.migration, { ...options, answerWithinMs });
  return await work(operator);
}

/** Asks before something is changed; `--dry-run` says it and stops, `--yes` goes on. */
export async function confirmed(session: CliSession, what: string): Promise<boolean> {
  const { options, output } = session;
  if (options.dryRun) {
    output.result({ dryRun: true, would: what }, [`would ${what}`]);
    return false;
  }
  if (options.yes) return true;
  if (!process.stdin.isTTY) {
    throw new LockstepError(
      'InvalidInput',
      `to ${what} needs confirmation and stdin is not a terminal; pass --yes, or --dry-run to preview`,
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`About to ${what}. Continue? [y/N] `);
    if (/^y(es)?$/i.test(answer.trim())) return true;
  } finally {
    terminal.close();
  }
  output.note('nothing changed');
  return false;
}
