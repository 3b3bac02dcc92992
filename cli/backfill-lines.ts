import pc from 'picocolors';
import type { MigrationStatus } from '../client/operator/migration-control.ts';

type Progress = NonNullable<MigrationStatus['backfill']>;
type CopyCounts = Pick<Progress, 'copied' | 'skipped' | 'refused' | 'total' | 'bytes' | 'totalBytes'>;

/**
 * A backfill's progress for a person: how far, how fast, how long yet, and what it waits for.
 *
 * @param rate keys a second that it may copy; null for no limit
 */
export function backfillLines(backfill: Progress, rate: number | null): string[] {
  const state = backfill.running ? '' : backfill.done ? ', complete' : `, stopped: ${backfill.stopped}`;
  return [
    `backfill  ${countsOf(backfill)}: ${backfill.copied} copied, ${backfill.skipped} already present, ${backfill.refused} refused${state}`,
    ...(backfill.running ? [`          ${speedOf(backfill, rate)}`] : []),
    ...(backfill.entities.length > 1
      ? backfill.entities.map(
          (one) =>
            `          ${one.entity}: ${countsOf(one)}${one.done ? ', done' : one.stopped === null ? '' : `, left out: ${one.stopped}`}`,
        )
      : []),
    ...(backfill.waiting ? [pc.yellow(`          waiting: ${backfill.waiting}; resumes automatically`)] : []),
  ];
}

function countsOf(counts: CopyCounts): string {
  const seen = counts.copied + counts.skipped + counts.refused;
  const bytes =
    counts.bytes > 0 ? `, ${megabytes(counts.bytes)} of about ${megabytes(counts.totalBytes)}` : '';
  return `${seen} of about ${counts.total} keys${bytes}`;
}

function speedOf({ perSecond, secondsLeft, throttledSeconds }: Progress, rate: number | null): string {
  const parts = [
    perSecond === null ? 'measuring speed' : `${perSecond} keys/s (last minute)`,
    rate === null ? 'no limit' : `limit ${rate} keys/s`,
    secondsLeft === null ? '' : `about ${duration(secondsLeft)} left`,
    throttledSeconds > 0 ? `gave way to live writes for ${duration(throttledSeconds)}` : '',
  ];
  return parts.filter((part) => part !== '').join(', ');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function duration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`;
}
