import type { Command } from 'commander';
import { down, status, up } from '../deploy/dev/servers.ts';
import { createOutput, exit, table } from './output.ts';
import { globalOptions } from './session.ts';

/** The three servers for development. */
export function addDevCommands(program: Command): void {
  const dev = program.command('dev').description('start, stop or show local development servers');

  dev
    .command('up')
    .description('start Temporal, MySQL/MariaDB and PostgreSQL, or reuse running ones')
    .action(async (_: unknown, command: Command) => {
      const output = createOutput(globalOptions(command).json);
      const servers = await up({ report: (line: string) => output.note(line) });
      const { temporal, mysql, postgresql } = servers;
      // The passwords are those of throw-away servers on loopback; they are still shown only where --json asks for them.
      output.result(servers, [
        `Temporal    ${temporal.address}, namespace ${temporal.namespace}, UI ${temporal.uiUrl}`,
        `MySQL       ${withoutPassword(mysql.url)}`,
        `PostgreSQL  ${withoutPassword(postgresql.url)}`,
        '',
        'lockstep dev up --json prints complete URLs; lockstep dev down stops the servers.',
      ]);
    });

  dev
    .command('down')
    .description('stop the servers that dev up started')
    .action(async (_: unknown, command: Command) => {
      const output = createOutput(globalOptions(command).json);
      await down({ report: (line: string) => output.note(line) });
      output.result({ stopped: true }, ['stopped']);
    });

  dev
    .command('status')
    .description('show which servers are running')
    .action(async (_: unknown, command: Command) => {
      const output = createOutput(globalOptions(command).json);
      const servers = await status();
      output.result(servers, table(servers.map((server) => Object.values(server).map(String))));
      if (servers.some((server) => server.state === 'stopped' || server.state === 'unreachable'))
        process.exitCode = exit.pending;
    });
}

function withoutPassword(url: string): string {
  const shown = new URL(url);
  if (shown.password) shown.password = '***';
  return shown.toString();
}
