import { type Command as CliCommand, Option } from 'commander';
import type { MigrationControl, MigrationStatus } from '../client/operator/migration-control.ts';
import type { OperateOptions } from '../client/operator/operate.ts';
import { differenceLines } from '../client/operator/running-definition.ts';
import { waitingFor } from '../client/waits.ts';
import { LockstepError } from '../model/failure.ts';
import { exit } from './output.ts';
import { previewLines } from './preview-lines.ts';
import { type CliSession, confirmed, connected, openSession } from './session.ts';
import { showStatus } from './show-status.ts';
import { addStatusCommand } from './status-command.ts';
import { addStepCommands, numberOf } from './step-commands.ts';

/** Commands that start, show and steer a migration. */
export function addMigrationCommands(program: CliCommand): void {
  program
    .command('start')
    .description('start the migration workflow, in the phase recorded in the stores')
    .action((_: unknown, command: CliCommand) =>
      steer(
        command,
        async ({ migration }) => `start migration ${migration.name}`,
        (control) => control.start(),
      ),
    );

  program
    .command('apply')
    .description('make the configuration what the running migration goes by: policy, deadline and entities')
    .action(async (_: unknown, command: CliCommand) => {
      const session = await openSession(command);
      await connected(session, async ({ control }) => {
        const status = await control.status();
        const differences = control.differences(status);
        if (differences.length === 0) {
          session.output.result({ applied: false, differences }, [
            'the migration runs by this configuration',
          ]);
          return;
        }
        const shown = differenceLines(differences);
        if (session.options.dryRun) {
          session.output.result({ dryRun: true, differences }, ['would change', ...shown]);
          return;
        }
        for (const line of shown) session.output.note(line);
        if (!(await confirmed(session, `change ${shown.length} of what ${status.migration} runs by`))) return;
        await control.apply();
        session.output.result({ applied: true, differences }, ['applied', ...shown]);
      });
    });

  addStatusCommand(program);
  addStepCommands(program);

  program
    .command('resume')
    .description('let bulk work, drops and changes of phase go on')
    .action((_: unknown, command: CliCommand) =>
      steer(
        command,
        async ({ migration }) => `resume ${migration.name}`,
        (control) => control.send('resume'),
        // As a pause, whatever state the stores are in.
        { unchecked: true },
      ),
    );

  program
    .command('backfill')
    .description('restart the backfill; rows already copied are kept')
    .option('--anew <entity...>', 'begin these entities at their first key, the others at their checkpoints')
    .action(({ anew }: { anew?: string[] }, command: CliCommand) =>
      steer(
        command,
        async ({ migration }) => `backfill ${anew?.join(', ') ?? migration.name}`,
        (control) => control.startBackfill(anew === undefined ? {} : { anew }),
      ),
    );

  program
    .command('reads')
    .argument('[percent]', 'share of keys whose reads go to modern, 0 to 100; ends a ramp')
    .option('--ramp', 'raise the share by itself, by reads.rampSteps of the configuration')
    .description('set the share of reads that go to modern, in phase switch-reads')
    .action(async (text: string | undefined, given: { ramp?: boolean }, command: CliCommand) => {
      if ((text === undefined) !== (given.ramp === true))
        throw new LockstepError('InvalidInput', 'give either a share, such as 10, or --ramp', {
          path: 'percent',
        });
      const session = await openSession(command);
      await connected(session, async ({ control }) => {
        if (text === undefined) {
          const { readRampSteps, readRampSoakMs } = session.migration.policy;
          const would = `raise the share of reads by ${readRampSteps.join(', ')} %, each after ${readRampSoakMs / 1_000} s`;
          if (!(await confirmed(session, would))) return;
          await showStatus(session, control, await control.send('rampReads'));
          return;
        }
        const percent = numberOf('percent', text);
        const would = `send ${percent} % of reads to modern`;
        if (session.options.dryRun) {
          const preview = await control.preview({ step: 'reads', percent });
          const open = preview.conditions.every(({ met }) => met);
          const lines = [`would ${would}`, ...previewLines(preview)];
          session.output.result({ dryRun: true, would, open, ...preview }, lines);
          if (!open) process.exitCode = exit.refused;
          return;
        }
        if (!(await confirmed(session, would))) return;
        await showStatus(session, control, await control.setReadPercent(percent));
      });
    });

  program
    .command('rate')
    .argument('<keys-per-second>', 'a number, or "none" for no limit')
    .description('limit the speed of a backfill')
    .action((rate: string, _: unknown, command: CliCommand) =>
      steer(
        command,
        async () => `limit the backfill to ${rate} keys/s`,
        (control) => control.setRate(rate === 'none' ? null : numberOf('keys-per-second', rate)),
      ),
    );

  program
    .command('validate')
    .description('compare both stores and keep the result as evidence')
    .option('--sample <n>', 'compare a random sample of this many keys')
    .addOption(new Option('--full', 'compare every key').conflicts('sample'))
    .option('--seed <n>', 'seed of the random sample')
    .action(async (given: { sample?: string; full?: boolean; seed?: string }, command: CliCommand) => {
      const session = await openSession(command);
      const { migration, output } = session;
      const sample = given.full
        ? null
        : numberOf('sample', given.sample ?? String(migration.policy.sampleSize));
      const what = sample === null ? 'compare every key' : `compare a sample of ${sample} keys`;
      if (
        !(await confirmed(
          { ...session, options: { ...session.options, yes: !session.options.dryRun } },
          what,
        ))
      )
        return;
      await connected(session, async ({ control }) => {
        await control.startValidation({
          sample,
          seed: given.seed ? numberOf('seed', given.seed) : Math.floor(Math.random() * 2 ** 31),
        });
        const status = await waitingFor(`the comparison of ${what.replace('compare ', '')}`, () =>
          until(control, ({ validating }) => !validating),
        );
        const { evidence, lastFailure } = status;
        const { evidence: fault } = await control.faults(status);
        if (!evidence)
          throw new LockstepError(
            'Unexpected',
            `the validation left no evidence: ${lastFailure ?? fault ?? 'see Temporal UI'}`,
          );
        output.result({ ...evidence, fault }, [
          `${evidence.compared} keys compared (${evidence.mode}, seed ${evidence.seed}): ${evidence.differences} differences, ` +
            `${evidence.ambiguous} ambiguous, ${evidence.inFlight} in flight`,
          ...(fault ? [fault] : []),
        ]);
        if (fault !== null) process.exitCode = exit.pending;
      });
    });
}

async function steer(
  command: CliCommand,
  what: (session: CliSession, control: MigrationControl) => Promise<string>,
  send: (control: MigrationControl) => Promise<MigrationStatus>,
  options: Pick<OperateOptions, 'unchecked'> = {},
): Promise<void> {
  const session = await openSession(command);
  await connected(
    session,
    async ({ control }) => {
      if (!(await confirmed(session, await what(session, control)))) return;
      await showStatus(session, control, await send(control));
    },
    options,
  );
}

async function until(
  control: MigrationControl,
  holds: (status: MigrationStatus) => boolean,
): Promise<MigrationStatus> {
  for (let pauseMs = 30; ; pauseMs = Math.min(300, pauseMs * 1.5)) {
    const status = await control.status();
    if (holds(status)) return status;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
