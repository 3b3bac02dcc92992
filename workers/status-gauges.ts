import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import type { GaugeSource, Reading } from '../activities/gauges.ts';
import type { MetricName } from '../activities/metric-table.ts';
import {
  backfillProgress,
  backfillWorkflowId,
  type MigrationStatus,
  migrationStatus,
  migrationWorkflowId,
} from '../workflows/messages.ts';

/** A question costs a workflow task. */
const everyMs = 5_000;
const answerMs = 5_000;

/** What the workflow of the migration knows. No reading where none runs. */
export function createStatusGauges(temporal: Client, migration: string): GaugeSource {
  return {
    everyMs,
    gauges: [
      'migration_overdue',
      'migration_deadline_timestamp_seconds',
      'migration_paused',
      'migration_evidence_age_seconds',
      'migration_evidence_differences',
      'migration_backfill_running',
      'migration_backfill_progress_ratio',
      'migration_backfill_keys',
      'migration_backfill_expected_keys',
      'migration_backfill_bytes',
    ],
    async read() {
      const status = await statusOf(temporal, migration);
      return status === null ? [] : readingsOf(status, Date.now());
    },
  };
}

async function statusOf(temporal: Client, migration: string): Promise<MigrationStatus | null> {
  try {
    const handle = temporal.workflow.getHandle(migrationWorkflowId(migration));
    return await temporal.connection.withDeadline(Date.now() + answerMs, async () => {
      if ((await handle.describe()).status.name !== 'RUNNING') return null;
      const status = await handle.query(migrationStatus);
      if (!status.backfill?.running) return status;
      const now = await temporal.workflow
        .getHandle(backfillWorkflowId(migration))
        .query(backfillProgress)
        .catch(() => status.backfill);
      return { ...status, backfill: now };
    });
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return null;
    throw error;
  }
}

/** @param now milliseconds since 1970 */
export function readingsOf(
  { migration, overdue, deadline, paused, evidence, backfill }: MigrationStatus,
  now: number,
): Reading[] {
  const reading = (
    gauge: MetricName,
    value: number,
    tags: Readonly<Record<string, string>> = {},
  ): Reading => ({
    gauge,
    value,
    tags: { migration, ...tags },
  });
  const { copied = 0, skipped = 0, refused = 0, total = 0, bytes = 0, done = false } = backfill ?? {};
  const over = copied + skipped + refused;
  return [
    reading('migration_overdue', overdue ? 1 : 0),
    reading('migration_deadline_timestamp_seconds', Date.parse(deadline) / 1_000),
    reading('migration_paused', paused ? 1 : 0),
    reading(
      'migration_evidence_age_seconds',
      evidence ? Math.max(0, now - Date.parse(evidence.at)) / 1_000 : Number.NaN,
    ),
    reading('migration_evidence_differences', evidence?.differences ?? Number.NaN),
    reading('migration_backfill_running', backfill?.running ? 1 : 0),
    // How many keys there are is an estimate.
    reading(
      'migration_backfill_progress_ratio',
      !backfill ? Number.NaN : done ? 1 : Math.min(1, over / Math.max(total, over, 1)),
    ),
    ...Object.entries({ copied, skipped, refused }).map(([result, keys]) =>
      reading('migration_backfill_keys', keys, { result }),
    ),
    reading('migration_backfill_expected_keys', total),
    reading('migration_backfill_bytes', bytes),
  ];
}
