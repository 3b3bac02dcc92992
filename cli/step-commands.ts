import { hostname, userInfo } from 'node:os';
import type { Command as CliCommand } from 'commander';
import type { MigrationControl, Step } from '../client/operator/migration-control.ts';
import { waitingFor } from '../client/waits.ts';
import { LockstepError } from '../model/failure.ts';
import { exit } from './output.ts';
import { legacyUseLines, previewLines } from './preview-lines.ts';
import { type CliSession, confirmed, connected, openSession } from './session.ts';
import { showStatus } from './show-status.ts';
import { type StepTimes, stepTimes } from './window.ts';

/** Commands that take a migration from one phase to another, or hold it. */

interface AskedFlags {
  readonly by?: string;
  readonly reason?: string;
}

interface StepFlags extends AskedFlags {
  readonly force?: boolean;
  readonly notBefore?: string;
  readonly window?: string;
  readonly timeZone?: string;
  readonly cancel?: boolean;
}

interface DecommissionFlags extends StepFlags {
  readonly undo?: boolean;
  readonly watchSeconds: string;
}

export function addStepCommands(program: CliCommand): void {
  stepCommand(program, 'advance', 'move to the next phase, if its gate passes').action(
    (given: StepFlags, command: CliCommand) => takeStep(command, 'advance', given),
  );
  stepCommand(program, 'rollback', 'move back to the previous phase').action(
    (given: StepFlags, command: CliCommand) => takeStep(command, 'rollback', given),
  );
  stepCommand(
    program,
    'decommission',
    'report what still uses legacy, then rename its tables; the policy drops them later',
  )
    .option('--undo', 'give the renamed tables their names back, until they are dropped')
    .option('--watch-seconds <n>', 'watch the counters of the database for so long', '5')
    .action(async (given: DecommissionFlags, command: CliCommand) => {
      if (given.undo) return await undo(command, given);
      return await takeStep(command, 'decommission', given, async (session, control) => {
        const watchMs = numberOf('watch-seconds', given.watchSeconds) * 1_000;
        const use = await waitingFor(
          `the counters of the database, which are watched for ${given.watchSeconds} s`,
          () => control.legacyUse({ watchMs }),
        );
        if (!session.options.json) for (const line of legacyUseLines(use)) session.output.note(line);
        return { legacyUse: use };
      });
    });
  asking(program.command('pause').description('hold bulk work, drops and changes of phase')).action(
    async (given: AskedFlags, command: CliCommand) => {
      const session = await openSession(command);
      await connected(
        session,
        async ({ control }) => {
          if (!(await confirmed(session, `pause ${session.migration.name}`))) return;
          await showStatus(session, control, await control.send('pause', askedOf(given)));
        },
        { unchecked: true },
      );
    },
  );
}

function stepCommand(program: CliCommand, name: Step, description: string): CliCommand {
  return asking(program.command(name).description(description))
    .option(
      '--force',
      'pass what is caution only, such as the soak; needs --reason, and never passes what protects data',
    )
    .option('--not-before <time>', 'wait until then: an ISO time with its offset')
    .option('--window <window>', 'wait for the next window of the day, such as 22:00-02:30; not taken later')
    .option('--time-zone <zone>', 'of the window; by default that of the machine')
    .option('--cancel', 'cancel a step that waits, or a change of primary that has not opened the new one');
}

function asking(command: CliCommand): CliCommand {
  return command
    .option('--reason <text>', 'why; it is kept, and shown in the status')
    .option(
      '--by <name>',
      'who asks for it; by default you, at this machine',
      `${userInfo().username}@${hostname()}`,
    );
}

async function takeStep(
  command: CliCommand,
  step: Step,
  given: StepFlags,
  report: (session: CliSession, control: MigrationControl) => Promise<object> = async () => ({}),
): Promise<void> {
  const session = await openSession(command);
  const { options, migration, output } = session;
  const asked = askedOf(given);
  if (given.cancel) {
    await connected(
      session,
      async ({ control }) => {
        if (!(await confirmed(session, `cancel what ${migration.name} waits for or is changing`))) return;
        await showStatus(session, control, await control.send('cancel', asked));
      },
      { unchecked: true },
    );
    return;
  }
  if (given.force && !given.reason)
    throw new LockstepError('InvalidInput', '--force needs --reason, which is kept', { path: 'reason' });
  const timeZone = given.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  const times = stepTimes({ ...given, timeZone }, Date.now());
  await connected(session, async ({ control }) => {
    const preview = await control.preview({ step });
    const would = `move ${migration.name} from ${preview.from} ${step === 'rollback' ? 'back ' : ''}to ${preview.to ?? 'nowhere'}${whenOf(times, timeZone)}`;
    const reported = await report(session, control);
    if (options.dryRun) {
      const open = preview.conditions.every(({ met, forcible }) => met || (given.force && forcible));
      output.result({ dryRun: true, would, open, ...preview, ...times, ...reported }, [
        `would ${would}`,
        ...previewLines(preview),
      ]);
      if (!open) process.exitCode = exit.refused;
      return;
    }
    if (!(await confirmed(session, would))) return;
    const request = { ...asked, ...times, force: given.force ?? false };
    await showStatus(session, control, await control.send(step, request));
  });
}

function whenOf({ notBefore, notAfter }: StepTimes, timeZone: string): string {
  if (notBefore === null) return '';
  const end = notAfter === null ? '' : ` and before ${notAfter} (${localOf(notAfter, timeZone)})`;
  return `, not before ${notBefore} (${localOf(notBefore, timeZone)} in ${timeZone})${end}`;
}

function localOf(time: string, timeZone: string): string {
  return new Date(time).toLocaleString('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' });
}

async function undo(command: CliCommand, given: AskedFlags): Promise<void> {
  const session = await openSession(command);
  await connected(session, async ({ control }) => {
    const tables = await control.retiredTables();
    const what = `give ${tables.join(', ') || 'no table'} back its name, and return ${session.migration.name} to modern-only`;
    if (!(await confirmed(session, what))) return;
    await showStatus(session, control, await control.undoDecommission(askedOf(given)));
  });
}

function askedOf({ by, reason }: AskedFlags): { by: string; reason: string | null } {
  return { by: by ?? `${userInfo().username}@${hostname()}`, reason: reason ?? null };
}

export function numberOf(name: string, text: string): number {
  const number = Number(text);
  if (text.trim() !== '' && Number.isFinite(number)) return number;
  throw new LockstepError('InvalidInput', `${name} is "${text}", and must be a number`, { path: name });
}
