import { Argument, type Command } from 'commander';
import { waitingFor } from '../client/waits.ts';
import { type FurtherName, furtherNames } from '../deploy/dev/contract.ts';
import { down, status, up, upFurther } from '../deploy/dev/servers.ts';
import { LockstepError } from '../model/failure.ts';
import { createOutput, exit, type Output, table } from './output.ts';
import { globalOptions } from './session.ts';

/** The servers for development: three, and those of other versions that are asked for by name. */
export function addDevCommands(program: Command): void {
  const dev = program.command('dev').description('start, stop or show local development servers');

  dev
    .command('up')
    .description(
      'start Temporal, MySQL/MariaDB and PostgreSQL, or reuse running ones; or one of another version',
    )
    .addArgument(new Argument('[server]', 'a server of another version').choices(furtherNames))
    .action(async (further: FurtherName | undefined, _: unknown, command: Command) => {
      const output = createOutput(globalOptions(command).json);
      if (further !== undefined) return await upOne(further, output);
      const report = (line: string) => output.note(line);
      const servers = await answerOf('the servers to be up', () => up({ report }));
      const { temporal, mysql, postgresql } = servers;
      // The passwords are those of throw-away servers on loopback; they are still shown only where --json asks for them.
      output.result(servers, [
        // That of a server of one's own is not known, unless TEMPORAL_UI_URL says it.
        `Temporal    ${temporal.address}, namespace ${temporal.namespace}${temporal.uiUrl === null ? '' : `, UI ${temporal.uiUrl}`}`,
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
      const report = (line: string) => output.note(line);
      await answerOf('the servers to be down', () => down({ report }));
      output.result({ stopped: true }, ['stopped']);
    });

  dev
    .command('status')
    .description('show which servers are running')
    .action(async (_: unknown, command: Command) => {
      const output = createOutput(globalOptions(command).json);
      const servers = await answerOf('an answer of the servers', () => status());
      output.result(
        servers,
        table(servers.map((server) => Object.values(server).map((value) => String(value ?? '–')))),
      );
      if (servers.some((server) => server.state === 'stopped' || server.state === 'unreachable'))
        process.exitCode = exit.pending;
    });
}

async function upOne(name: FurtherName, output: Output): Promise<void> {
  const report = (line: string) => output.note(line);
  const found = await answerOf(`${name} to be up`, () => upFurther(name, { report }));
  if ('unavailable' in found) throw new LockstepError('Unexpected', found.unavailable);
  output.result(found, [withoutPassword(found.url)]);
}

/** What goes wrong with servers for development is told as it is: they hold no rows of anybody. */
async function answerOf<T>(what: string, ask: () => Promise<T>): Promise<T> {
  return await waitingFor(what, ask).catch((error: unknown) => {
    if (error instanceof LockstepError || !(error instanceof Error)) throw error;
    throw new LockstepError('Unexpected', error.message, {}, { cause: error });
  });
}

function withoutPassword(url: string): string {
  const shown = new URL(url);
  if (shown.password) shown.password = '***';
  return shown.toString();
}
