import { type Command, Option } from 'commander';
import pc from 'picocolors';
import { examine } from '../client/operator/doctor.ts';
import { type TriedRole, triedRoles } from '../model/account-role.ts';
import { exit } from './output.ts';
import { openSession } from './session.ts';

export function addDoctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('check that both stores and Temporal are ready for the migration; changes nothing')
    .addOption(
      new Option('--as <role>', 'whose rights the accounts of the connection strings must have')
        .choices(triedRoles)
        .default('worker'),
    )
    .action(async (given: { as: TriedRole }, command: Command) => {
      const { migration, output } = await openSession(command);
      const findings = await examine(migration, process.env, given.as);
      const ok = findings.every((finding) => finding.ok);
      output.result(
        { ok, findings },
        findings.map(({ about, check, ok: fine, found }) => {
          const mark = fine ? pc.green('✓') : pc.red('✗');
          return `${mark} ${about.padEnd(8)} ${check}: ${found}`;
        }),
      );
      process.exitCode = ok ? exit.fine : exit.preflight;
    });
}
