#!/usr/bin/env node
import { Command, CommanderError, Option } from 'commander';
import { addDevCommands } from './dev-commands.ts';
import { addDoctorCommand } from './doctor-command.ts';
import { addJournalCommands } from './journal-commands.ts';
import { addMigrationCommands } from './migration-commands.ts';
import { reportFailure } from './output.ts';
import { addPlanCommand } from './plan-command.ts';
import { addPrepareCommand } from './prepare-command.ts';
import { addReconcileCommands } from './reconcile-commands.ts';
import type { GlobalOptions } from './session.ts';
import { addWorkerCommand } from './worker-command.ts';
import { addWritesCommands } from './writes-commands.ts';

const program = new Command('lockstep')
  .description('Moves a live application from one database to another without losing a write.')
  .addOption(
    new Option('--config <file>', 'the migration').default('lockstep.config.ts').env('LOCKSTEP_CONFIG'),
  )
  .option('--json', 'print one JSON object on stdout; logs stay on stderr', false)
  .option('--dry-run', 'say what would be done, and do nothing', false)
  .option('--yes', 'do not ask for confirmation', false)
  .addHelpText(
    'after',
    `
Connection strings come from LOCKSTEP_LEGACY_URL and LOCKSTEP_MODERN_URL (or as the configuration names them), Temporal's
from TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and Temporal's own configuration file.
Exit codes: 0 fine, 1 error, 2 differences or work pending, 3 preflight failed, 4 refused by a gate.`,
  )
  .exitOverride()
  .showHelpAfterError();

addDevCommands(program);
addDoctorCommand(program);
addPrepareCommand(program);
addPlanCommand(program);
addWorkerCommand(program);
addMigrationCommands(program);
addWritesCommands(program);
addJournalCommands(program);
addReconcileCommands(program);
inherit(program);

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

/** Global options may stand before or after the command's name. */
function inherit(command: Command): void {
  for (const child of command.commands) {
    child.exitOverride();
    for (const option of program.options) {
      if (!child.options.some((known) => known.long === option.long)) child.addOption(hidden(option));
    }
    inherit(child);
  }
}

function hidden(option: Option): Option {
  // Without its variable: that would win over what is given before the command's name.
  return new Option(option.flags, option.description).hideHelp();
}
