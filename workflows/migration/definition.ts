import type { Phase } from '../../model/phase.ts';
import { failure } from '../failures.ts';
import type { RunningDefinition } from '../messages.ts';
import { moveDeadline } from './deadline.ts';
import type { MigrationRun } from './run.ts';

/** Phases in which entities may still come and go: all that they have is copied and compared afterwards. */
const openPhases: readonly Phase[] = ['legacy-only', 'dual-write'];

/** Throws where entities come or go that would miss the backfill, its evidence or a drain. */
export function assertApplicable(run: MigrationRun, { entities }: RunningDefinition): void {
  const known = run.input.entities;
  const isWhole = known.length === entities.length && entities.every((name) => known.includes(name));
  if (isWhole || openPhases.includes(run.state.phase)) return;
  throw failure(
    'GateRefused',
    `the entities of ${run.input.migration} cannot change in ${run.state.phase}: what comes now would miss the backfill and its evidence; ` +
      'roll back to dual-write first, or move it in a migration of its own',
    { gate: 'definition', measured: { phase: run.state.phase } },
  );
}

/** From now on the migration runs by another policy, over entities of other definitions. */
export function applyDefinition(run: MigrationRun, definition: RunningDefinition): void {
  const before = run.input;
  const { phase, dropAt } = run.state;
  const { deadline, dropLegacyAfterMs } = definition.policy;
  run.redefine(definition);
  // Reminders of a deadline that stays are not sent again.
  if (Date.parse(deadline) !== Date.parse(run.state.deadline)) moveDeadline(run, deadline);
  // What was proved speaks of what was compared then.
  const isSame = definition.entities.every((name) => before.digests?.[name] === definition.digests[name]);
  if (!isSame) run.voidEvidence('the definition of an entity was changed');
  if (phase !== 'decommissioned' || dropLegacyAfterMs === before.policy.dropLegacyAfterMs) return;
  if (dropLegacyAfterMs === null) run.update({ dropAt: null });
  else if (dropAt !== null || before.policy.dropLegacyAfterMs === null)
    run.update({ dropAt: new Date(Date.now() + dropLegacyAfterMs).toISOString() });
}
