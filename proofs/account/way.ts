import type { Entry, Pattern } from '../../model/entity.ts';
import type { Settings } from '../../model/settings.ts';

/**
 * How the writes of a proof travel: those that wait at the same moment in one workflow, as by default; each in a workflow of its own;
 * by the primary's journal; or as by default, in a service with the worker in its process.
 */
export const writeWays = ['group', 'single', 'journal', 'embedded'] as const;
export type WriteWay = (typeof writeWays)[number];

export function writeWayNamed(name: unknown): WriteWay | null {
  return writeWays.find((way) => way === name) ?? null;
}

/** Patterns that the journal does not take go on as they would. */
export function entryOf(way: WriteWay, pattern: Pattern): Entry {
  const isTaken = pattern === 'primary-secondary' || pattern === 'flag-controlled';
  return way === 'journal' && isTaken ? 'journal' : 'workflow';
}

export function settingsOf(way: WriteWay, settings: Settings): Settings {
  return way === 'single' ? { ...settings, write: { ...settings.write, groupSize: 1 } } : settings;
}
