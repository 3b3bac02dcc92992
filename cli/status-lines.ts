import pc from 'picocolors';
import type { KnownFaults, MigrationStatus, ReportedReads } from '../client/operator/migration-control.ts';
import type { Backlog } from '../client/operator/stores-alone.ts';
import { type Phase, phases, routes } from '../model/phase.ts';
import { backfillLines } from './backfill-lines.ts';
import { oneLine } from './shown.ts';

/** A migration's status for a person. */
export function statusLines(
  status: MigrationStatus,
  {
    backlog,
    faults,
    reads,
  }: Readonly<{ backlog: Backlog | null; faults: KnownFaults | null; reads: ReportedReads | null }>,
): string[] {
  const { backfill, evidence } = status;
  return [
    `${pc.bold(status.migration)}  epoch ${status.epoch}${status.paused ? `  ${pc.yellow(`paused${askedBy(status.pausedBy)}`)}` : ''}`,
    phasePath(status.phase),
    `writes    primary ${status.primary}${status.secondary ? `, secondary ${status.secondary}` : ''}`,
    `reads     ${readsOf(status)}`,
    ...(reads ? measuredLines(status, reads) : []),
    ...(faults?.setBack ?? []).map((reason) => pc.red(`restored  ${reason}; see docs/restore.md`)),
    ...backlogLines(backlog),
    ...(backfill ? backfillLines(backfill, status.rate) : limitLines(status)),
    ...(evidence
      ? [
          `evidence  ${evidence.mode} of ${evidence.compared} keys at ${evidence.at}: ${evidence.differences} differences, ` +
            `${evidence.ambiguous} ambiguous, ${evidence.inFlight} in flight` +
            `${evidence.mode === 'sample' ? `; at most ${(evidence.upperBound * 100).toFixed(2)} % of all keys differ (95 %)` : ''}`,
        ]
      : []),
    ...(faults?.evidence && needsEvidence(status) ? [pc.yellow(`          ${faults.evidence}`)] : []),
    ...(faults && faults.differences > 0
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
          `legacy    its renamed tables are dropped at ${status.dropAt}${status.paused ? ', once it is resumed' : ''}; ` +
            'until then lockstep decommission --undo gives them back',
        ]
      : []),
    ...plannedLines(status),
    ...(status.busy
      ? [`now       ${status.busy}${status.cancellable ? '; lockstep advance --cancel undoes it' : ''}`]
      : []),
    ...(status.validating ? ['now       validating'] : []),
    ...(status.lastFailure ? [pc.yellow(`last      ${status.lastFailure}`)] : []),
  ].map(oneLine);
}

export function phasePath(current: Phase): string {
  const at = phases.indexOf(current);
  const path = phases.map((phase, index) => {
    if (index === at) return pc.bold(pc.green(`[${phase}]`));
    return index < at ? phase : pc.dim(phase);
  });
  return path.join(pc.dim(' → '));
}

export function backlogLines(backlog: Backlog | null): string[] {
  if (backlog === null) return [pc.red('pending   unknown')];
  const { pending, tentative, parked, oldestMs, reason } = backlog;
  const counts = [
    `${pending} writes`,
    ...(tentative > 0 ? [`${tentative} tentative`] : []),
    `${parked} parked`,
  ];
  const oldest = oldestMs === null ? '' : `, oldest ${seconds(oldestMs)}`;
  return [
    `pending   ${counts.join(', ')}${oldest}`,
    ...(reason ? [pc.yellow(`          waiting: ${reason}; resumes automatically`)] : []),
  ];
}

/** A limit that the next backfill will go by. */
function limitLines({ rate }: MigrationStatus): string[] {
  return rate === null ? [] : [`backfill  not begun; limit ${rate} keys/s`];
}

/** What waits for its time, and what was passed by force. */
function plannedLines({ planned, forced, paused }: MigrationStatus): string[] {
  return [
    ...(planned
      ? [
          pc.yellow(
            `planned   ${planned.step}${askedBy(planned)}, not before ${planned.notBefore}${planned.notAfter ? ` and before ${planned.notAfter}` : ''}; ` +
              `waits for ${paused ? 'the migration to be resumed' : planned.waitingFor}`,
          ),
        ]
      : []),
    ...forced.map((step) =>
      pc.yellow(
        `forced    ${step.from} → ${step.to} at ${step.at}${askedBy(step)}, past ${step.passed.map(measured).join('; ')}`,
      ),
    ),
  ];
}

function measured({ name, measured, wanted }: MigrationStatus['forced'][number]['passed'][number]): string {
  const values = Object.entries(measured).map(([what, value]) => `${what} ${value}`);
  return `${name} (${values.join(', ')}; wanted: ${wanted})`;
}

function askedBy(asked: { by: string | null; reason: string | null } | null): string {
  const by = asked?.by ? ` by ${asked.by}` : '';
  return asked?.reason ? `${by}, because: ${asked.reason}` : by;
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
