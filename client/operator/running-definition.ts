import { definitionDigest } from '../../model/definition.ts';
import type { Migration } from '../../model/migration.ts';
import type { MigrationStatus, RunningDefinition } from '../../workflows/messages.ts';

/** Something that the configuration says otherwise than the running migration. */
export interface DefinitionDifference {
  /** As `lockstep.config.ts` has it: `phases.soakMs`, or `entities`. */
  readonly setting: string;
  readonly running: string | number | null;
  readonly configured: string | number | null;
}

/** What a migration's workflow runs by, as the configuration has it. */
export function configuredDefinition({ entities, policy }: Migration): RunningDefinition {
  return {
    entities: entities.map(({ name }) => name),
    digests: Object.fromEntries(entities.map((entity) => [entity.name, definitionDigest(entity)])),
    policy: {
      deadline: policy.deadline,
      drainLimitMs: policy.drainLimitMs,
      soakMs: policy.soakMs,
      evidenceMaxAgeMs: policy.evidenceMaxAgeMs,
      evidenceMaxWrongShare: policy.evidenceMaxWrongShare,
      deadlineReminderMs: policy.deadlineReminderMs,
      sampleSize: policy.sampleSize,
      backfillParallel: policy.backfillParallel,
      dropLegacyAfterMs: policy.dropLegacyAfterMs,
      readRampSteps: policy.readRampSteps,
      readRampSoakMs: policy.readRampSoakMs,
    },
  };
}

const settings = {
  drainLimitMs: 'phases.drainLimitMs',
  soakMs: 'phases.soakMs',
  evidenceMaxAgeMs: 'phases.evidenceMaxAgeMs',
  evidenceMaxWrongShare: 'phases.evidenceMaxWrongShare',
  deadlineReminderMs: 'phases.deadlineReminderMs',
  sampleSize: 'validation.sampleKeys',
  backfillParallel: 'backfill.parallel',
  dropLegacyAfterMs: 'phases.dropLegacyAfterMs',
  readRampSteps: 'reads.rampSteps',
  readRampSoakMs: 'reads.rampSoakMs',
} as const;

/** Where the configuration differs from what runs; `lockstep apply` makes it what runs. */
export function definitionDifferences(
  { definition: running, deadline }: MigrationStatus,
  migration: Migration,
): DefinitionDifference[] {
  const configured = configuredDefinition(migration);
  const differences: DefinitionDifference[] = [];
  const compare = (setting: string, is: string | number | null, will: string | number | null) => {
    if (is !== will) differences.push({ setting, running: is, configured: will });
  };
  compare('entities', sorted(running.entities), sorted(configured.entities));
  for (const [name, digest] of Object.entries(configured.digests))
    if (running.digests[name] !== undefined)
      compare(`entities.${name}`, running.digests[name] ?? null, digest);
  compare('deadline', deadline, new Date(configured.policy.deadline).toISOString());
  for (const [name, setting] of Object.entries(settings)) {
    const key = name as keyof typeof settings;
    compare(setting, shown(running.policy[key]), shown(configured.policy[key]));
  }
  return differences;
}

/** One line for each. */
export function differenceLines(differences: readonly DefinitionDifference[]): string[] {
  return differences.map(({ setting, running, configured }) => `${setting}: ${running} → ${configured}`);
}

function shown(value: string | number | null | readonly number[]): string | number | null {
  return typeof value === 'object' && value !== null ? value.join(', ') : value;
}

function sorted(names: readonly string[]): string {
  return [...names].sort().join(', ');
}
