import { createRequire } from 'node:module';
import { Command, Option } from 'commander';
import { addCodecCommand } from './codec-command.ts';
import { addDevCommands } from './dev-commands.ts';
import { addDoctorCommand } from './doctor-command.ts';
import { addJournalCommands } from './journal-commands.ts';
import { addMigrationCommands } from './migration-commands.ts';
import { addPlanCommand } from './plan-command.ts';
import { addPrepareCommand } from './prepare-command.ts';
import { addReconcileCommands } from './reconcile-commands.ts';
import { addSchemaCommand } from './schema-command.ts';
import { addWorkerCommand } from './worker-command.ts';
import { addWritesCommands } from './writes-commands.ts';

/**
 * The command `lockstep` with all that it can do; nothing runs before it is given arguments.
 *
 * @param json leaves it to the caller to say what is wrong with the arguments
 */
export function createProgram({ json = false }: { json?: boolean } = {}): Command {
  const program = new Command('lockstep')
    .configureOutput(json ? { writeErr: () => undefined } : {})
    .description('Moves a live application from one database to another without losing a write.')
    .addOption(
      new Option('--config <file>', 'configuration file that exports the migration')
        .default('lockstep.config.ts')
        .env('LOCKSTEP_CONFIG'),
    )
    .option('--json', 'print one JSON object on stdout; logs go to stderr', false)
    .option('--dry-run', 'print what the command would do, and change nothing', false)
    .option('--yes', 'skip the confirmation', false)
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
  addSchemaCommand(program);
  addWorkerCommand(program);
  addMigrationCommands(program);
  addWritesCommands(program);
  addJournalCommands(program);
  addReconcileCommands(program);
  addCodecCommand(program);
  inherit(program, program.options);
  return program.version(versionOf(), '--version', 'print the version of the package');
}

function versionOf(): string {
  const { version }: { version: string } = createRequire(import.meta.url)('lockstep/package.json');
  return version;
}

/** Global options may stand before or after the command's name. */
function inherit(command: Command, globals: readonly Option[]): void {
  for (const child of command.commands) {
    child.exitOverride();
    for (const option of globals) {
      if (!child.options.some((known) => known.long === option.long)) child.addOption(hidden(option));
    }
    inherit(child, globals);
  }
}

function hidden(option: Option): Option {
  // Without its variable: that would win over what is given before the command's name.
  return new Option(option.flags, option.description).hideHelp();
}
