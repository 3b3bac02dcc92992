import { type Command, InvalidArgumentError } from 'commander';
import type { RetriedOperations } from '../client/operator/journal-control.ts';
import type { Operator } from '../client/operator/operate.ts';
import { type OperationStatus, operationStatuses } from '../model/operation.ts';
import { countFrom, entryLines, entryTable, isOpen, shownEntry } from './journal-entries.ts';
import { exit } from './output.ts';
import { confirmed, connected, openSession } from './session.ts';

/** Commands about the log of operations. Decisions about parked ones are made with `lockstep writes`. */
export function addJournalCommands(program: Command): void {
  const journal = program
    .command('journal')
    .description('list, show and retry the operations in the journals of both stores');

  journal
    .command('list')
    .description('list operations, newest first')
    .option(
      '--status <status>',
      `only this status; may be repeated: ${operationStatuses.join(', ')}`,
      collectStatus,
      [],
    )
    .option('--limit <n>', 'at most this many from each store', '100')
    .action(async (given: { status: OperationStatus[]; limit: string }, command: Command) => {
      const session = await openSession(command);
      const limit = countFrom(given.limit, '--limit');
      await connected(session, async (operator) => {
        const statuses = given.status.length > 0 ? { statuses: given.status } : {};
        const entries = await operator.journal.list({ ...statuses, newestFirst: true, limit });
        const shown = entries.map(shownEntry);
        session.output.result(shown, shown.length > 0 ? entryTable(shown) : ['no operations']);
        if (shown.some(isOpen)) process.exitCode = exit.pending;
      });
    });

  journal
    .command('show')
    .argument('<operation>', 'operation id')
    .description('show an operation in both journals')
    .action(async (id: string, _: unknown, command: Command) => {
      const session = await openSession(command);
      await connected(session, async (operator) => {
        const shown = (await operator.journal.find(id)).map(shownEntry);
        const lines = shown.map((entry) => entryLines(entry).join('\n'));
        session.output.result({ operation: id, journal: shown }, [lines.join('\n\n')]);
        if (shown.some(isOpen)) process.exitCode = exit.pending;
      });
    });

  journal
    .command('retry')
    .description('retry pending operations, including those whose workflow no longer exists')
    .option('--parked', 'also retry parked operations', false)
    .option('--operation <id>', 'only this operation; may be repeated', collect, [])
    .option('--older-than <ms>', 'only operations pending for at least this long', '0')
    .action(async (given: RetryFlags, command: Command) => {
      const session = await openSession(command);
      const olderThanMs = countFrom(given.olderThan, '--older-than');
      await connected(session, async (operator) => {
        const ids = given.operation.length > 0 ? given.operation : null;
        for (const id of ids ?? []) await operator.journal.find(id);
        const before = await operator.control.backlog();
        const what = ids
          ? `retry ${ids.join(', ')}`
          : `retry ${before.pending} pending${before.tentative > 0 ? `, ${before.tentative} tentative` : ''}${given.parked ? ` and ${before.parked} parked` : ''} operations`;
        if (!(await confirmed(session, what))) return;
        const found = await operator.journal.retry({ parked: given.parked, olderThanMs, ids });
        await report(session.output, operator, found);
      });
    });
}

interface RetryFlags {
  readonly parked: boolean;
  readonly operation: readonly string[];
  readonly olderThan: string;
}

async function report(
  output: Awaited<ReturnType<typeof openSession>>['output'],
  operator: Operator,
  found: RetriedOperations,
): Promise<void> {
  const backlog = await operator.control.backlog();
  output.result({ ...found, backlog }, [
    `${found.completed} completed, ${found.settled} settled, ${found.failed} refused again, ${found.notified} waiting workflows notified`,
    ...(found.stopped ? [`stopped: ${found.stopped}`] : []),
    `${backlog.pending} pending, ${backlog.tentative} tentative, ${backlog.parked} parked operations remain`,
  ]);
  if (found.stopped || backlog.pending + backlog.tentative + backlog.parked > 0)
    process.exitCode = exit.pending;
}

function collect(value: string, earlier: readonly string[]): string[] {
  return [...earlier, value];
}

function collectStatus(value: string, earlier: readonly OperationStatus[]): OperationStatus[] {
  const status = operationStatuses.find((known) => known === value);
  if (!status) throw new InvalidArgumentError(`use one of ${operationStatuses.join(', ')}.`);
  return [...earlier, status];
}
