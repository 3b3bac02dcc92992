import pc from 'picocolors';
import type { KnownFaults, MigrationStatus, ReportedReads } from '../client/operator/migration-control.ts';
import { phases, routes } from '../model/phase.ts';
import { backfillLines } from './backfill-lines.ts';

export interface Backlog {
  readonly pending: number;
  readonly parked: number;
  readonly tentative: number;
  readonly oldestMs: number | null;
  /** Why the oldest pending one has not been taken yet. */
  readonly reason: string | null;
}

/** A migration's status for a person. */
export function statusLines(
  status: MigrationStatus,
  { backlog, faults, reads }: Readonly<{ backlog: Backlog; faults: KnownFaults; reads: ReportedReads }>,
): string[] {
  const at = phases.indexOf(status.phase);
  const path = phases.map((phase, index) => {
    if (index === at) return pc.bold(pc.green(`[${phase}]`));
    return index < at ? phase : pc.dim(phase);
  });
  const { backfill, evidence } = status;
  return [
    `${pc.bold(status.migration)}  epoch ${status.epoch}${status.paused ? `  ${pc.yellow('paused')}` : ''}`,
    path.join(pc.dim(' → ')),
    `writes    primary ${status.primary}${status.secondary ? `, secondary ${status.secondary}` : ''}`,
    `reads     ${readsOf(status)}`,
    ...measuredLines(status, reads),
    ...faults.setBack.map((reason) => pc.red(`restored  ${reason}; see docs/restore.md`)),
    `pending   ${backlog.pending} writes, ${backlog.tentative > 0 ? `${backlog.tentative} tentative, ` : ''}${backlog.parked} parked${backlog.oldestMs === null ? '' : `, oldest ${seconds(backlog.oldestMs)}`}`,
    ...(backlog.reason ? [pc.yellow(`          waiting: ${backlog.reason}; resumes automatically`)] : []),
    ...(backfill ? backfillLines(backfill) : []),
    ...(evidence
      ? [
          `evidence  ${evidence.mode} of ${evidence.compared} keys at ${evidence.at}: ${evidence.differences} differences, ` +
            `${evidence.ambiguous} ambiguous, ${evidence.inFlight} in flight` +
            `${evidence.mode === 'sample' ? `; at most ${(evidence.upperBound * 100).toFixed(2)} % of all keys differ (95 %)` : ''}`,
        ]
      : []),
    ...(faults.evidence && needsEvidence(status) ? [pc.yellow(`          ${faults.evidence}`)] : []),
    ...(faults.differences > 0
      ? [
          pc.yellow(
            `differ    ${faults.differences} keys are known to differ or were refused; see lockstep differences`,
          ),
        ]
      : []),
    `deadline  ${deadlineOf(status)}`,
    ...(status.renameAt
      ? [pc.yellow(`legacy    its tables are not renamed yet; tried again at ${status.renameAt}`)]
      : []),
    ...(status.dropAt
      ? [
          `legacy    its renamed tables are dropped at ${status.dropAt}${status.paused ? ', once it is resumed' : ''}`,
        ]
      : []),
    ...(status.busy ? [`now       ${status.busy}`] : []),
    ...(status.validating ? ['now       validating'] : []),
    ...(status.lastFailure ? [pc.yellow(`last      ${status.lastFailure}`)] : []),
  ];
}

/** Whether a gate ahead asks for it. */
function needsEvidence({ phase }: MigrationStatus): boolean {
  return phase === 'validate' || phase === 'switch-reads' || phase === 'switch-primary';
}

function deadlineOf({ deadline, deadlineNear, overdue }: MigrationStatus): string {
  if (overdue) return pc.red(`overdue since ${deadline}`);
  return deadlineNear ? pc.yellow(`${deadline}, which is near`) : deadline;
}

function readsOf(status: MigrationStatus): string {
  if (status.phase === 'switch-reads') return `${status.readPercent} % modern`;
  return status.primary === 'modern' ? 'modern' : 'legacy';
}

/** What was measured of the reads at this share, and what becomes of it by itself. */
function measuredLines({ phase, ramp, rampedDown, paused }: MigrationStatus, reads: ReportedReads): string[] {
  if (routes[phase].reads !== 'share') return [];
  const { legacy, modern, fellBack, lagged, undecided, equal, unequal, inFlight, failed } = reads.counts;
  const shadow = equal + unequal + inFlight + failed;
  return [
    `          measured: ${modern} by modern, ${legacy} by legacy (${fellBack} modern failed, ${lagged} late, ${undecided} undecided)`,
    ...(shadow > 0
      ? [`          shadow: ${equal} equal, ${unequal} unequal, ${inFlight} in flight, ${failed} failed`]
      : []),
    ...(rampedDown
      ? [pc.red(`          went down from ${rampedDown.from} % at ${rampedDown.at}: ${rampedDown.reason}`)]
      : []),
    ...(ramp
      ? [
          `          goes up by itself at ${ramp.nextAt}${paused ? ', once it is resumed' : ''}${ramp.waits ? `; waits: ${ramp.waits}` : ''}`,
        ]
      : []),
  ];
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
