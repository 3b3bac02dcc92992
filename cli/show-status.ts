import pc from 'picocolors';
import type { MigrationControl, MigrationStatus } from '../client/operator/migration-control.ts';
import { differenceLines } from '../client/operator/running-definition.ts';
import { exit } from './output.ts';
import type { CliSession } from './session.ts';
import { statusLines } from './status-lines.ts';

/** Prints the status. What the stores cannot say now is said to be unknown; gives the exit code that fits. */
export async function showStatus(
  session: CliSession,
  control: MigrationControl,
  status: MigrationStatus,
): Promise<number> {
  const problems = new Set<string>();
  const known = <T>(ask: () => Promise<T>): Promise<T | null> =>
    ask().catch((error: unknown) => {
      problems.add(error instanceof Error ? error.message : String(error));
      return null;
    });
  await known(() => control.assertStoresFit());
  const backlog = await known(() => control.backlog());
  const faults = await known(() => control.faults(status));
  const reads = await known(() => control.measuredReads(status));
  const differences = control.differences(status);
  session.output.result({ ...status, backlog, faults, reads, differences, problems: [...problems] }, [
    ...statusLines(status, { backlog, faults, reads }),
    ...[...problems].map((problem) => pc.red(`problem   ${problem}`)),
    ...(differences.length === 0
      ? []
      : [
          pc.yellow('config    differs from what runs; lockstep apply makes it take effect'),
          ...differenceLines(differences).map((line) => pc.yellow(`          ${line}`)),
        ]),
  ]);
  if (problems.size > 0) return exit.error;
  const isPending = status.overdue || (backlog?.parked ?? 0) > 0 || (faults?.setBack.length ?? 0) > 0;
  return isPending ? exit.pending : exit.fine;
}
