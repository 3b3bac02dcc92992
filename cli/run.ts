import { CommanderError } from 'commander';
import { hearing } from '../client/waits.ts';
import { LockstepError } from '../model/failure.ts';
import { Notices, noticeEveryMs } from './notices.ts';
import { reportFailure } from './output.ts';
import { createProgram } from './program.ts';
import { shown } from './shown.ts';

export interface RunOptions {
  /** How often, in milliseconds, it is said what a command waits for. @default 3_000 */
  readonly noticeEveryMs?: number;
}

/** Runs a command to its end, with this process's streams and environment. Gives the exit code. */
export async function run(
  args: readonly string[],
  { noticeEveryMs: everyMs = noticeEveryMs }: RunOptions = {},
): Promise<number> {
  const json = args.includes('--json');
  const notices = new Notices((line) => process.stderr.write(`${shown(line)}\n`), everyMs);
  process.exitCode = undefined;
  try {
    await hearing(notices, () => createProgram({ json }).parseAsync(args, { from: 'user' }));
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportFailure(error, json);
    // The program has said it already, where it was not asked for JSON.
    return json && error.exitCode !== 0 ? reportFailure(usageFailure(error), json) : error.exitCode;
  } finally {
    notices.stop();
  }
}

function usageFailure({ code, message }: CommanderError): LockstepError {
  const said =
    code === 'commander.help'
      ? 'no command was given'
      : message.replace(/^error: /, '').replace(/\.?\s*$/, '');
  return new LockstepError('InvalidInput', `${said}; lockstep --help tells what there is`);
}
