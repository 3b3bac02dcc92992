import type { KnownFaults } from '../../activities/migration/measure-faults.ts';
import { failureIn } from '../../model/carried-failure.ts';
import { evidenceFault } from '../../model/evidence.ts';
import { type Phase, phases, routes } from '../../model/phase.ts';
import { soakedMs } from '../../model/soak.ts';
import { localShort, unbounded } from '../activities.ts';
import { failure, messageOf } from '../failures.ts';
import type { MigrationInput, MigrationState } from '../messages.ts';

type Measured = Readonly<Record<string, string | number | boolean | null>>;

/** Lets a migration into a phase, or says which gate refuses, what it measured and what to do. */
export async function gate(
  next: Phase,
  state: MigrationState,
  policy: MigrationInput['policy'],
  digests: MigrationInput['digests'],
): Promise<void> {
  if (routes[next].secondary !== null) await assertReachable(next, digests);
  switch (next) {
    case 'backfill': {
      const { flagControlled } = await unbounded.measureReadiness({ primary: routes[state.phase].primary });
      if (flagControlled.length === 0 || state.writePercent === 100) break;
      throw refused(
        'backfill',
        { writePercent: state.writePercent },
        'not every key is written to both stores; set the write share to 100',
      );
    }
    case 'validate': {
      const progress = state.backfill;
      if (progress?.done) break;
      const measured = {
        copied: progress?.copied ?? 0,
        total: progress?.total ?? 0,
        running: progress?.running ?? false,
      };
      const why = progress?.stopped
        ? `it stopped (${progress.stopped}); start it again with lockstep backfill`
        : 'wait for it';
      throw refused('validate', measured, `the backfill is not complete: ${why}`);
    }
    case 'switch-reads':
      assertEvidence(next, state, policy);
      break;
    case 'switch-primary':
      if (state.readPercent < 100) {
        throw refused(
          'switch-primary',
          { readPercent: state.readPercent },
          'not all reads are modern; run lockstep reads 100',
        );
      }
      await assertSmallBacklog('switch-primary', state, { pendingAllowed: true });
      assertEvidence(next, state, policy);
      break;
    case 'modern-only': {
      const soaked = soakedMs(state.readsModernSince, Date.now());
      if (soaked < policy.soakMs) {
        throw refused(
          'modern-only',
          { soakedMs: soaked, soakMs: policy.soakMs },
          'reads have not been modern for long enough; wait',
        );
      }
      await assertSmallBacklog('modern-only', state, { pendingAllowed: false });
      assertEvidence(next, state, policy);
      break;
    }
    default:
  }
  const faults = await unbounded.measureFaults();
  assertNotSetBack(next, faults);
  if (phases.indexOf(next) >= phases.indexOf('validate')) assertNoDifference(next, faults);
}

function assertEvidence(name: Phase, state: MigrationState, policy: MigrationInput['policy']): void {
  if (state.validating) throw refused(name, { validating: true }, 'a validation is running; wait for it');
  const fault = evidenceFault(state, policy, Date.now());
  if (fault) throw refused(name, fault.measured, fault.why);
}

/** What a store has lost is brought back first. A rollback may not make such a store primary either. */
export function assertNotSetBack(name: Phase, { setBack }: KnownFaults): void {
  if (setBack === null) return;
  throw refused(
    name,
    { setBack: setBack.store },
    `${setBack.reason}; see what is missing with lockstep reconcile, bring it back with --repair`,
  );
}

/** What is known to differ holds a migration until it is mended, whatever a sample says. */
function assertNoDifference(name: Phase, { differences, refused: rows }: KnownFaults): void {
  if (differences === 0) return;
  throw refused(
    name,
    { differences, refused: rows },
    'keys are known to differ, or a store refused their rows; see lockstep differences, mend the rows or the tables, ' +
      'then run lockstep reconcile --repair',
  );
}

/** A few pending writes are on their way at any moment; only those that stay are a reason to refuse. */
async function assertSmallBacklog(
  name: Phase,
  state: MigrationState,
  { pendingAllowed }: { pendingAllowed: boolean },
): Promise<void> {
  const backlog = await unbounded.measureReadiness({ primary: routes[state.phase].primary });
  const { pending, parked, tentative, backlogAgeMs } = backlog;
  const measured = { pending, parked, tentative, backlogAgeMs };
  if (backlog.parked > 0)
    throw refused(name, measured, 'writes are parked; resolve them with lockstep writes');
  const late = (backlog.backlogAgeMs ?? 0) > maxPendingAgeMs;
  if (!pendingAllowed && pending + tentative > 0 && late) {
    throw refused(name, measured, 'writes are still pending for the other store; see lockstep writes list');
  }
}

const maxPendingAgeMs = 5_000;

/** A step forward that needs both stores is not begun while one of them is unavailable. */
export async function assertReachable(
  name: Phase | 'reads' | 'writes',
  digests?: MigrationInput['digests'],
): Promise<void> {
  try {
    await localShort.checkStores({ stores: ['legacy', 'modern'], ...(digests ? { digests } : {}) });
  } catch (error) {
    const known = failureIn(error);
    if (known !== null && known.code !== 'StoreUnavailable') throw error;
    throw refused(name, { reachable: false }, messageOf(error));
  }
}

export function refused(gateName: string, measured: Measured, remedy: string) {
  const shown = Object.entries(measured)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
  return failure('GateRefused', `the gate of ${gateName} refuses (${shown}): ${remedy}`, {
    gate: gateName,
    measured,
    remedy,
  });
}
