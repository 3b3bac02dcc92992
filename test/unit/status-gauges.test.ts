import { expect, test } from 'vitest';
import { readingsOf } from '../../workers/status-gauges.ts';
import type { MigrationStatus } from '../../workflows/messages.ts';

const now = Date.parse('2027-03-31T12:00:00Z');
const status = {
  migration: 'accounts',
  overdue: false,
  deadline: '2027-04-01T00:00:00Z',
  paused: true,
  evidence: null,
  backfill: null,
} as MigrationStatus;

function shown(given: MigrationStatus): Record<string, number> {
  return Object.fromEntries(
    readingsOf(given, now).map(({ gauge, value, tags }) => [
      tags.result ? `${gauge} ${tags.result}` : gauge,
      value,
    ]),
  );
}

test('what there is not yet is no number', () => {
  expect(shown(status)).toMatchObject({
    migration_paused: 1,
    migration_overdue: 0,
    migration_deadline_timestamp_seconds: Date.parse(status.deadline) / 1_000,
    migration_evidence_age_seconds: Number.NaN,
    migration_evidence_differences: Number.NaN,
    migration_backfill_running: 0,
    migration_backfill_progress_ratio: Number.NaN,
  });
});

test('times are in seconds, and progress is a share, also where there are more keys than were expected', () => {
  const evidence = { at: '2027-03-31T11:00:00Z', differences: 3 } as MigrationStatus['evidence'];
  const copying = {
    running: true,
    done: false,
    copied: 40,
    skipped: 8,
    refused: 2,
    total: 200,
    bytes: 5_000,
  };
  const backfill = copying as MigrationStatus['backfill'];
  expect(shown({ ...status, evidence, backfill })).toMatchObject({
    migration_evidence_age_seconds: 3_600,
    migration_evidence_differences: 3,
    migration_backfill_running: 1,
    migration_backfill_progress_ratio: 0.25,
    'migration_backfill_keys copied': 40,
    'migration_backfill_keys skipped': 8,
    'migration_backfill_keys refused': 2,
    migration_backfill_expected_keys: 200,
    migration_backfill_bytes: 5_000,
  });
  const more = { ...copying, total: 10 } as MigrationStatus['backfill'];
  expect(shown({ ...status, backfill: more })).toMatchObject({ migration_backfill_progress_ratio: 1 });
});
