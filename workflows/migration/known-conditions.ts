import { evidenceFault } from '../../model/evidence.ts';
import { type Phase, phaseAfter } from '../../model/phase.ts';
import type { Condition, MigrationInput, MigrationState, MigrationStatus } from '../messages.ts';
import { met, unmet } from './condition.ts';

/** Conditions of gates that a migration knows by itself, without asking a store. */

export function copied({ backfill: progress }: Pick<MigrationState, 'backfill'>): Condition {
  const described = {
    measured: {
      copied: progress?.copied ?? 0,
      total: progress?.total ?? 0,
      running: progress?.running ?? false,
    },
    wanted: 'the backfill is complete',
  };
  if (progress?.done) return met('backfill', described);
  const why = progress?.stopped
    ? `it stopped (${progress.stopped}); start it again with lockstep backfill`
    : 'wait for it';
  return unmet('backfill', { ...described, remedy: `the backfill is not complete: ${why}` });
}

export function readShare({ readPercent }: Pick<MigrationState, 'readPercent'>): Condition {
  const described = { measured: { readPercent }, wanted: 'all reads are modern' };
  if (readPercent === 100) return met('read-share', described, true);
  const remedy = 'not all reads are modern; run lockstep reads 100';
  return unmet('read-share', { ...described, remedy }, true);
}

/** That it is there and proves enough protects data; how old it may be is caution. */
export function evidenceConditions(
  state: Pick<MigrationState, 'validating' | 'evidence' | 'evidenceVoided'>,
  policy: MigrationInput['policy'],
): Condition[] {
  const { validating, evidence } = state;
  const wanted = 'evidence without a difference, over enough keys';
  const fresh = `evidence no older than ${policy.evidenceMaxAgeMs} ms`;
  if (validating) {
    const remedy = 'a validation is running; wait for it';
    return [unmet('evidence', { measured: { validating }, wanted, remedy })];
  }
  const ageless = evidenceFault(state, { ...policy, evidenceMaxAgeMs: Number.POSITIVE_INFINITY }, Date.now());
  const aged = evidenceFault(state, policy, Date.now());
  const { differences = null, compared = null } = evidence ?? {};
  const strong = ageless
    ? unmet('evidence', { measured: ageless.measured, wanted, remedy: ageless.why })
    : met('evidence', { measured: { differences, compared }, wanted });
  if (!evidence) return [strong];
  const ageMs = Date.now() - Date.parse(evidence.at);
  const measured = { ageMs, limitMs: policy.evidenceMaxAgeMs };
  if (ageMs <= policy.evidenceMaxAgeMs) return [strong, met('freshness', { measured, wanted: fresh }, true)];
  const remedy = aged?.why ?? 'the evidence is too old; run lockstep validate';
  return [unmet('freshness', { measured, wanted: fresh, remedy }, true), strong];
}

/** What Temporal UI says of the next phase: what its gate would refuse with, as far as that is known here, and what to do. */
export function nextGate(status: MigrationStatus): string {
  const { phase } = status;
  if (phase === 'decommissioned') return '';
  const next = phaseAfter(phase) ?? phase;
  const step = phase === 'modern-only' ? 'decommission' : 'advance';
  const unmetOnes = knownConditions(next, status).filter((condition) => !condition.met);
  const known =
    unmetOnes.length === 0
      ? `Nothing that is known here holds its gate, which also asks that ${asked[next]}.`
      : `Its gate holds: ${unmetOnes.map(({ remedy, wanted }) => remedy ?? wanted).join('; ')}.`;
  return `**Next**: ${next}. ${known} Then send \`${step}\`.`;
}

function knownConditions(next: Phase, status: MigrationStatus): Condition[] {
  const { policy } = status.definition;
  switch (next) {
    case 'validate':
      return [copied(status)];
    case 'switch-reads':
    case 'modern-only':
      return evidenceConditions(status, policy);
    case 'switch-primary':
      return [readShare(status), ...evidenceConditions(status, policy)];
    default:
      return [];
  }
}

/** What the gates measure in the stores, in words. */
const asked: Readonly<Record<Phase, string>> = {
  'legacy-only': 'no store was set back',
  'dual-write': 'both stores answer and none was set back',
  backfill: 'both stores answer, every key is written to both, and none was set back',
  validate: 'both stores answer and no key is known to differ',
  'switch-reads': 'both stores answer and no key is known to differ',
  'switch-primary': 'modern answers its reads, no write is parked and no key is known to differ',
  'modern-only':
    'reads have been modern for long enough, no write is pending or parked and no key is known to differ',
  decommissioned: 'no key is known to differ',
};
