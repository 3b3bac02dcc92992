import type { DurableState } from '../../model/phase.ts';
import type { Asked, MigrationInput, MigrationState, MigrationStatus } from '../messages.ts';
import { nextGate } from './known-conditions.ts';

export function initialState(input: MigrationInput): MigrationState {
  return {
    phase: 'legacy-only',
    epoch: 1,
    changeNumber: 0,
    readPercent: 0,
    writePercent: 100,
    paused: false,
    pausedBy: null,
    planned: null,
    forced: [],
    deadline: new Date(input.policy.deadline).toISOString(),
    deadlineNear: false,
    overdue: false,
    rate: null,
    readsModernSince: null,
    readsSince: 0,
    ramp: null,
    rampedDown: null,
    readsOver: null,
    backfill: null,
    validating: false,
    evidence: null,
    evidenceVoided: null,
    lastFailure: null,
    history: [],
    renameAt: null,
    dropAt: null,
  };
}

/** The part of a migration's state that the stores hold too, as it is while the route is open. */
export function durableStateOf(migration: string, state: MigrationState): DurableState {
  const { phase, epoch, changeNumber, readPercent, writePercent } = state;
  return { migration, phase, epoch, changeNumber, open: true, readPercent, writePercent };
}

/** What Temporal UI says of a migration beside its events. */
export function details(status: MigrationStatus): string {
  const lines = [
    `**${status.phase}**: primary ${status.primary}${status.secondary ? `, secondary ${status.secondary}` : ''}, reads ${status.readPercent} % modern, epoch ${status.epoch}`,
    nextGate(status),
    status.paused
      ? `**Paused**${askedBy(status.pausedBy)}. It holds bulk work, drops and changes of phase.`
      : '',
    status.planned
      ? `**Planned**: ${status.planned.step}, not before ${status.planned.notBefore}${status.planned.notAfter ? `, not after ${status.planned.notAfter}` : ''}; waits for ${status.planned.waitingFor}.`
      : '',
    ...status.forced.map(
      (step) =>
        `Forced to ${step.to} at ${step.at}${askedBy(step)}: ${step.passed.map(({ name }) => name).join(', ')}.`,
    ),
    status.ramp ? `Reads go up by themselves at ${status.ramp.nextAt}.` : '',
    status.rampedDown
      ? `**Reads went down** from ${status.rampedDown.from} % at ${status.rampedDown.at}: ${status.rampedDown.reason}.`
      : '',
    status.overdue ? `**Overdue** since ${status.deadline}.` : `Deadline ${status.deadline}.`,
    status.backfill
      ? `Backfill: ${status.backfill.copied} of about ${status.backfill.total} keys copied${status.backfill.running ? '' : ', over'}.`
      : '',
    status.evidenceVoided ? `Evidence voided: ${status.evidenceVoided.reason}.` : '',
    status.evidence
      ? `Evidence: ${status.evidence.compared} keys compared, ${status.evidence.differences} differences, ${status.evidence.ambiguous} ambiguous.`
      : '',
    status.dropAt ? `The renamed legacy tables are dropped at ${status.dropAt}.` : '',
    status.lastFailure ? `Last failure: ${status.lastFailure}` : '',
  ];
  return lines.filter((line) => line !== '').join('\n\n');
}

/** As a sentence goes on. */
export function askedBy(asked: Asked | null): string {
  if (asked === null || (asked.by === null && asked.reason === null)) return '';
  const reason = asked.reason === null ? '' : `, because: ${asked.reason}`;
  return ` by ${asked.by ?? 'somebody'}${reason}`;
}
