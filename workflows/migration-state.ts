import { neededStores } from '../model/phase.ts';
import { patient } from './activities.ts';
import type { MigrationInput, MigrationState, MigrationStatus } from './messages.ts';
import { changePhase } from './phase-change.ts';

export function blankState(input: MigrationInput): MigrationState {
  return {
    phase: 'legacy-only',
    epoch: 1,
    readPercent: 0,
    writePercent: 100,
    paused: false,
    deadline: new Date(input.policy.deadline).toISOString(),
    overdue: false,
    rate: null,
    readsModernSince: null,
    backfill: null,
    validating: false,
    evidence: null,
    lastFailure: null,
    history: [],
    dropAt: null,
  };
}

/** Goes on from what the stores know of this migration, so that a lost workflow can be started again. */
export async function takeUp(input: MigrationInput, state: MigrationState): Promise<void> {
  const { legacy, modern } = await patient.readStates();
  const newest = legacy && modern && modern.epoch > legacy.epoch ? modern : (legacy ?? modern);
  if (newest) {
    const { phase, epoch, readPercent, writePercent } = newest;
    Object.assign(state, { phase, epoch: newest.open ? epoch : epoch + 1, readPercent, writePercent });
  }
  await patient.checkStores({ stores: neededStores(state.phase) });
  const { drainLimitMs } = input.policy;
  await changePhase(state, {
    migration: input.migration,
    next: state.phase,
    drainLimitMs,
    mayLag: false,
  });
  state.history.push({ phase: state.phase, at: new Date().toISOString() });
}

/** What Temporal UI says of a migration beside its events. */
export function details(status: MigrationStatus): string {
  const lines = [
    `**${status.phase}**: ${status.primary} decides${status.secondary ? `, ${status.secondary} follows` : ''}, reads ${status.readPercent} % modern, epoch ${status.epoch}`,
    status.paused ? 'Paused.' : '',
    status.overdue ? `**Overdue** since ${status.deadline}.` : `Deadline ${status.deadline}.`,
    status.backfill
      ? `Backfill: ${status.backfill.copied} of about ${status.backfill.total} keys copied${status.backfill.running ? '' : ', over'}.`
      : '',
    status.evidence
      ? `Evidence: ${status.evidence.compared} keys compared, ${status.evidence.differences} differences, ${status.evidence.ambiguous} ambiguous.`
      : '',
    status.lastFailure ? `Last failure: ${status.lastFailure}` : '',
  ];
  return lines.filter((line) => line !== '').join('\n\n');
}
