import type { Policy } from './policy.ts';

/** What a validation found. */
export interface Evidence {
  /** ISO times of its beginning and its end. */
  readonly began: string;
  readonly at: string;
  readonly mode: 'sample' | 'full';
  readonly seed: number;
  readonly compared: number;
  readonly differences: number;
  /** Shared records of which the denormalized store itself holds several copies that disagree. */
  readonly ambiguous: number;
  /** Keys that still changed at the last read, or whose write is still pending. */
  readonly inFlight: number;
  /** With 95 % confidence at most this share of the keys of any entity differs. */
  readonly upperBound: number;
}

/** When something happened that evidence from before, or that was being gathered then, does not speak of. */
export interface VoidedEvidence {
  readonly at: string;
  readonly reason: string;
}

/** Why evidence does not open a gate. */
export interface EvidenceFault {
  readonly measured: Readonly<Record<string, string | number | null>>;
  /** What is wrong, and what to do. */
  readonly why: string;
}

/**
 * Null where the evidence holds: it is there, not too old, without a difference, and bounds the share of wrong keys.
 *
 * @param now milliseconds since 1970
 */
export function evidenceFault(
  { evidence, evidenceVoided }: { evidence: Evidence | null; evidenceVoided: VoidedEvidence | null },
  { evidenceMaxAgeMs, evidenceMaxWrongShare }: Pick<Policy, 'evidenceMaxAgeMs' | 'evidenceMaxWrongShare'>,
  now: number,
): EvidenceFault | null {
  if (!evidence) {
    const why = evidenceVoided
      ? `the evidence was voided at ${evidenceVoided.at}: ${evidenceVoided.reason}; run lockstep validate`
      : 'there is no evidence; run lockstep validate';
    return { measured: { evidence: null, voided: evidenceVoided?.reason ?? null }, why };
  }
  const { differences, compared, upperBound } = evidence;
  const ageMs = now - Date.parse(evidence.at);
  if (ageMs > evidenceMaxAgeMs) {
    const measured = { ageMs, limitMs: evidenceMaxAgeMs };
    return { measured, why: 'the evidence is too old; run lockstep validate' };
  }
  if (differences > 0) {
    const why = 'the stores differ; see lockstep differences, repair them, then run lockstep validate';
    return { measured: { differences, compared }, why };
  }
  if (upperBound > evidenceMaxWrongShare) {
    const measured = { upperBound, limit: evidenceMaxWrongShare, compared };
    const why =
      `a sample of ${compared} keys proves only that at most ${percent(upperBound)} of them differ, and the policy allows ` +
      `${percent(evidenceMaxWrongShare)}; run lockstep validate with a larger --sample, or with --full`;
    return { measured, why };
  }
  return null;
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`;
}
