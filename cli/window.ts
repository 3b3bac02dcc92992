import { LockstepError } from '../model/failure.ts';
import { instantExample, instantOf as parsedInstant } from '../model/instant.ts';

/** Times at which a step may be taken, as an operator gives them. */

const dayMs = 24 * 3_600_000;

export interface StepTimes {
  /** ISO times. */
  readonly notBefore: string | null;
  readonly notAfter: string | null;
}

/**
 * The first window that is open now or later.
 *
 * @param window `22:00-02:30`, in a time zone such as `Europe/Berlin`
 * @param from ISO time before which nothing happens; null for now
 */
export function stepTimes(
  given: { window?: string; timeZone: string; notBefore?: string },
  now: number,
): StepTimes {
  const from = given.notBefore === undefined ? null : instantOf(given.notBefore);
  if (given.window === undefined) return { notBefore: isoOf(from), notAfter: null };
  const [opens, closes] = minutesOf(given.window);
  const earliest = Math.max(now, from ?? now);
  const local = wallClock(earliest, given.timeZone);
  for (let day = -1; ; day++) {
    const date = Math.floor(local / dayMs) * dayMs + day * dayMs;
    const start = instantAt(date + opens * 60_000, given.timeZone);
    const end = instantAt(date + closes * 60_000 + (closes <= opens ? dayMs : 0), given.timeZone);
    if (end <= earliest) continue;
    return { notBefore: isoOf(Math.max(start, from ?? start)), notAfter: isoOf(end) };
  }
}

/** With its offset, so that nobody has to guess whose time it is. */
function instantOf(text: string): number {
  const instant = parsedInstant(text.trim());
  if (instant !== null) return instant;
  throw invalid('not-before', `"${text}" is no ISO time with its offset, such as ${instantExample}`);
}

function minutesOf(window: string): [number, number] {
  const parts = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.exec(window.trim());
  if (!parts) throw invalid('window', `"${window}" is no window such as 22:00-02:30`);
  const [fromHour = 0, fromMinute = 0, toHour = 0, toMinute = 0] = parts.slice(1).map(Number);
  const [opens, closes] = [fromHour * 60 + fromMinute, toHour * 60 + toMinute];
  if (opens === closes) throw invalid('window', `"${window}" has no length`);
  return [opens, closes];
}

/** What a clock on the wall shows there, in milliseconds as if it were UTC. */
function wallClock(instant: number, timeZone: string): number {
  const parts = new Map(
    formatOf(timeZone)
      .formatToParts(instant)
      .map(({ type, value }) => [type, Number(value)]),
  );
  const part = (type: string) => parts.get(type as Intl.DateTimeFormatPartTypes) ?? 0;
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
}

/** Where the clock is put forward, the moment that follows; where it is put back, the first of both. */
function instantAt(wall: number, timeZone: string): number {
  const guess = wall - (wallClock(wall, timeZone) - wall);
  const offset = wallClock(guess, timeZone) - Math.floor(guess / 1000) * 1000;
  return wall - offset;
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-GB', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    throw invalid('time-zone', `"${timeZone}" is no time zone such as Europe/Berlin`);
  }
}

function invalid(option: string, why: string): LockstepError {
  return new LockstepError('InvalidInput', why, { path: option });
}

function isoOf(instant: number | null): string | null {
  return instant === null ? null : new Date(instant).toISOString();
}
