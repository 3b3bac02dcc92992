import pc from 'picocolors';
import type { KnownFaults, MigrationControl, MigrationStatus } from '../client/operator/migration-control.ts';
import { differenceLines } from '../client/operator/running-definition.ts';
import type { Backlog } from '../client/operator/stores-alone.ts';
import { toldOf } from '../client/temporal/told.ts';
import { exit } from './output.ts';
import type { Report } from './report.ts';
import type { CliSession } from './session.ts';
import { statusLines } from './status-lines.ts';

/** Prints the status, and gives the exit code that fits. */
export async function showStatus(
  { output }: CliSession,
  control: MigrationControl,
  status: MigrationStatus,
): Promise<number> {
  const { object, lines, code } = await statusReport(control, status);
  output.result(object, lines);
  return code;
}

/** What the stores cannot say now is said to be unknown. */
export async function statusReport(control: MigrationControl, status: MigrationStatus): Promise<Report> {
  const problems = new Set<string>();
  const known = <T>(ask: () => Promise<T>): Promise<T | null> =>
    ask().catch((error: unknown) => {
      problems.add(toldOf(error));
      return null;
    });
  // At once: a store that hangs costs the time of one question.
  const [, unreachable, backlog, faults, reads] = await Promise.all([
    known(() => control.stores.assertFit()),
    known(() => control.stores.unreachable()),
    known(() => control.backlog()),
    known(() => control.faults(status)),
    known(() => control.measuredReads(status)),
  ]);
  for (const reason of unreachable ?? []) problems.add(reason);
  const differences = control.differences(status);
  return {
    object: { ...status, backlog, faults, reads, differences, problems: [...problems] },
    lines: [
      ...statusLines(status, { backlog, faults, reads }),
      ...[...problems].map((problem) => pc.red(`problem   ${problem}`)),
      ...(differences.length === 0
        ? []
        : [
            pc.yellow('config    differs from what runs; lockstep apply makes it take effect'),
            ...differenceLines(differences).map((line) => pc.yellow(`          ${line}`)),
          ]),
    ],
    code: problems.size > 0 ? exit.error : isPending(status, backlog, faults) ? exit.pending : exit.fine,
  };
}

/** Whether something is owed, differs, or waits for a person. */
function isPending(
  { overdue }: MigrationStatus,
  backlog: Backlog | null,
  faults: KnownFaults | null,
): boolean {
  const { pending = 0, tentative = 0, parked = 0 } = backlog ?? {};
  const { setBack = [], differences = 0 } = faults ?? {};
  return overdue || pending + tentative + parked + differences + setBack.length > 0;
}
