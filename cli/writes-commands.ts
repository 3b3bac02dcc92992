import type { Command } from 'commander';
import type { Resolution } from '../client/operator/migration-control.ts';
import { LockstepError } from '../model/failure.ts';
import { countFrom, entryLines, entryTable, isOpen, shownEntry } from './journal-entries.ts';
import { exit } from './output.ts';
import { confirmed, connected, openSession } from './session.ts';

/** Commands about single writes: those that are pending, and those that wait for a person. */
export function addWritesCommands(program: Command): void {
  const writes = program.command('writes').description('list, show and decide pending and parked writes');

  writes
    .command('list')
    .description('list pending, tentative and parked writes, oldest first')
    .option('--limit <n>', 'at most this many', '100')
    .action(async (given: { limit: string }, command: Command) => {
      const session = await openSession(command);
      const limit = countFrom(given.limit, '--limit');
      await connected(session, async ({ journal }) => {
        const shown = (await journal.list({ statuses: ['pending', 'tentative', 'parked'], limit })).map(
          shownEntry,
        );
        session.output.result(
          shown,
          shown.length > 0 ? entryTable(shown) : ['no pending, tentative or parked writes'],
        );
        if (shown.length > 0) process.exitCode = exit.pending;
      });
    });

  writes
    .command('show')
    .argument('<operation>', 'operation id')
    .description('show a write in the journals and in Temporal')
    .action(async (id: string, _: unknown, command: Command) => {
      const session = await openSession(command);
      await connected(session, async ({ control, journal }) => {
        const entries = await journal.list({ ids: [id], limit: 1 });
        const status = await control.writeStatus(id).catch((error: unknown) => {
          if (error instanceof LockstepError && entries.length > 0) return null;
          throw error;
        });
        const shown = entries.map(shownEntry);
        session.output.result({ operation: id, workflow: status, journal: shown }, [
          `workflow    ${status ? `${status.stage}${status.reason ? `: ${status.reason}` : ''}` : 'none of its own: it is over, or was one of a group'}`,
          ...shown.flatMap(entryLines),
        ]);
        if (shown.some(isOpen)) process.exitCode = exit.pending;
      });
    });

  const decisions: readonly (readonly [Resolution, string])[] = [
    ['retry', 'retry the other store'],
    ['discard', 'leave the stores different'],
    ['compensate', 'undo the write in the store that has it'],
  ];
  for (const [resolution, description] of decisions) {
    writes
      .command(resolution)
      .argument('<operation>', 'operation id')
      .description(`${description} (parked writes only)`)
      .action(async (id: string, _: unknown, command: Command) => {
        const session = await openSession(command);
        await connected(session, async ({ control }) => {
          if (!(await confirmed(session, `${resolution} operation ${id}`))) return;
          await control.resolve(id, resolution);
          session.output.result({ operation: id, resolution }, [`${resolution} of ${id} started`]);
        });
      });
  }
}
