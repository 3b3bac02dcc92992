import { type Audit, audit, writtenSince } from '../audit.ts';
import { type Comparison, compare } from '../compare.ts';
import { openLegacy, openModern } from '../connections.ts';
import migration from '../lockstep.config.ts';
import type { DemoEnvironment } from './environment.ts';
import { type Links, linksTo } from './links.ts';
import type { Told } from './story.ts';

export interface Summary {
  /** Whether every one of the demo's promises was kept. */
  pass: boolean;
  /** Lines that were loaded, and the orders they belong to. */
  rows: number;
  orders: number;
  writes: { acknowledged: number; refused: number; unknown: number; lost: number };
  /** Of what the service read back with a write's token. */
  reads: { right: number; wrong: number; failed: number };
  /** Every line of either store, counted once. */
  lines: {
    loaded: number;
    added: number;
    removed: number;
    expected: number;
    found: number;
    equal: number;
    ambiguous: number;
    sinceLegacyStopped: number;
    different: number;
    onlyLegacy: number;
    onlyModern: number;
  };
  differences: number;
  ambiguous: number;
  killedWorkers: number;
  outageSeconds: number;
  phases: Told['phases'];
  validation: Told['validation'];
  seconds: number;
  seed: number;
  links: Links;
}

export interface Verdict {
  summary: Summary;
  comparison: Comparison;
  audited: Audit;
}

/** Looks at both stores by plain SQL, past Lockstep, and holds them against each other and against the service's log. */
export async function verdictOn(
  stage: DemoEnvironment,
  told: Told,
  seed: number,
  startedAt: number,
): Promise<Verdict> {
  const legacy = await openLegacy(stage.legacyUrl);
  const modern = await openModern(stage.modernUrl);
  try {
    const comparison = await compare(legacy, modern, {
      namesBefore: stage.namesBefore,
      writtenSinceLegacyStopped: writtenSince(stage.log, told.legacyStop),
    });
    const audited = await audit(stage.log, legacy, modern, told.legacyStop);
    return { summary: summaryOf(stage, told, comparison, audited, seed, startedAt), comparison, audited };
  } finally {
    await Promise.all([legacy.end(), modern.end()]);
  }
}

function summaryOf(
  stage: DemoEnvironment,
  told: Told,
  comparison: Comparison,
  { acknowledged, refused, unknown, lost }: Audit,
  seed: number,
  startedAt: number,
): Summary {
  const loadedIds = new Set(stage.existing.flatMap(({ lines }) => lines.map(({ rowId }) => rowId)));
  const known = told.service.orders();
  const knownIds = known.flatMap(({ lines }) => lines.map(({ rowId }) => rowId));
  const kept = knownIds.filter((rowId) => loadedIds.has(rowId)).length;
  const lines = {
    loaded: stage.loaded,
    added: knownIds.length - kept,
    removed: stage.loaded - kept,
    expected: knownIds.length,
    found: comparison.modernRows,
    equal: comparison.equal,
    ambiguous: comparison.ambiguous,
    sinceLegacyStopped: comparison.sinceLegacyStopped,
    different: comparison.different.length,
    onlyLegacy: comparison.onlyLegacy.length,
    onlyModern: comparison.onlyModern.length,
  };
  const { equal, ambiguous, sinceLegacyStopped } = lines;
  const isEachCounted = equal + ambiguous + sinceLegacyStopped + comparison.differences === comparison.rows;
  // A write of unknown outcome may have added or removed lines; the audit has held its order to both possibilities.
  const isAccounted = isEachCounted && (unknown > 0 || lines.found === lines.expected);
  const killedWorkers = stage.workers.killed;
  return {
    pass:
      lost === 0 &&
      comparison.differences === 0 &&
      killedWorkers >= 1 &&
      told.service.reads.wrong === 0 &&
      isAccounted,
    rows: stage.loaded,
    orders: stage.existing.length,
    writes: { acknowledged, refused, unknown, lost },
    reads: told.service.reads,
    lines,
    differences: comparison.differences,
    ambiguous,
    killedWorkers,
    outageSeconds: told.outageSeconds,
    phases: told.phases,
    validation: told.validation,
    seconds: Math.round((Date.now() - startedAt) / 100) / 10,
    seed,
    links: linksTo(stage.servers.temporal, migration.name),
  };
}
