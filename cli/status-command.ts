import type { Command as CliCommand } from 'commander';
import pc from 'picocolors';
import type { MigrationControl, MigrationStatus } from '../client/operator/migration-control.ts';
import { withStoresAlone } from '../client/operator/stores-alone.ts';
import { hearing } from '../client/waits.ts';
import { isLockstepError } from '../model/is-lockstep-error.ts';
import { Notices, noticeEveryMs } from './notices.ts';
import { failureOf } from './output.ts';
import type { Report } from './report.ts';
import { fitted, Screen } from './screen.ts';
import { type CliSession, connected, openSession } from './session.ts';
import { statusReport } from './show-status.ts';
import { storesReport } from './show-stores.ts';

const everyMs = 1_000;

export function addStatusCommand(program: CliCommand): void {
  program
    .command('status')
    .description('show phase, route, progress, evidence and pending writes')
    .option('--watch', 'refresh every second')
    .action(async (given: { watch?: boolean }, command: CliCommand) => {
      const session = await openSession(command);
      if (given.watch) return await watch(session);
      const { object, lines, code } = await withStatus(session, (control) => reportOf(session, control));
      const { columns, isTTY } = process.stdout;
      session.output.result(object, isTTY ? fitted(lines, columns) : lines);
      process.exitCode = code;
    });
}

/** What the stores know is shown where nobody says more. */
async function withStatus<T>(
  session: CliSession,
  work: (control: MigrationControl) => Promise<T>,
): Promise<T | Report> {
  try {
    return await connected(session, ({ control }) => work(control), { unchecked: true });
  } catch (error) {
    if (!isLockstepError(error, 'TemporalUnavailable')) throw error;
    return await withStoresAlone(session.migration, process.env, (alone) =>
      storesReport(session.migration, alone, error),
    );
  }
}

async function reportOf({ migration }: CliSession, control: MigrationControl): Promise<Report> {
  try {
    return await statusReport(control, await statusOf(control));
  } catch (error) {
    if (isLockstepError(error, 'NoWorker')) return await storesReport(migration, control.stores, error);
    throw error;
  }
}

/** Stores that are not ready say more than that nothing was started on them. */
async function statusOf(control: MigrationControl): Promise<MigrationStatus> {
  try {
    return await control.status();
  } catch (error) {
    if (!isLockstepError(error, 'NoWorker')) await control.stores.assertFit();
    throw error;
  }
}

/** Goes on whatever is away: what was known last stays there, with what is waited for. */
async function watch(session: CliSession): Promise<never> {
  const isDrawn = process.stdout.isTTY && !session.options.json;
  const screen = new Screen(process.stdout);
  let known: readonly string[] = [];
  const show = ({ object, lines }: Report) => {
    known = [...lines, pc.dim(`as of ${new Date().toLocaleTimeString('sv-SE')}; ends with Ctrl-C`)];
    if (isDrawn) screen.draw(known);
    else session.output.result(object, [...lines, '']);
  };
  const say = (line: string) => {
    if (isDrawn) screen.draw([...known, pc.yellow(line)]);
    else session.output.note(line);
  };
  const notices = new Notices(say, noticeEveryMs);
  for (;;) {
    await hearing(notices, async () => {
      try {
        const left = await withStatus(session, async (control): Promise<never> => {
          for (;;) {
            show(await reportOf(session, control));
            await paused();
          }
        });
        show(left);
      } catch (error) {
        say(`problem   ${failureOf(error).message}`);
      }
    });
    await paused();
  }
}

function paused(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, everyMs));
}
