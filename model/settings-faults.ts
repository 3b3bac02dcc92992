import type { Fault } from './definition-fault.ts';
import { isObject } from './is-object.ts';
import { defaultSettings, type Settings } from './settings.ts';

/** No try of an operation outlives it by so much that the journal's entry would be missed. */
const minRetentionMs = 3_600_000;
const atLeastOne = ['write.groupSize', 'write.groupsInFlight', 'write.maxWaiting', 'write.maxOwed'];
const shares = [
  'postWriteValidation.share',
  'phases.evidenceMaxWrongShare',
  'reads.shadowShare',
  'reads.budget',
];

/** What is wrong with the settings of a migration, and with names that are none. */
export function settingsFaults(given: Settings): Fault[] {
  const groups: [string, Readonly<Record<string, unknown>>][] = Object.entries(defaultSettings);
  return groups.flatMap(([group, known]) => {
    const settings: unknown = Reflect.get(given, group);
    if (settings === undefined) return [];
    if (!isObject(settings)) return [{ path: group, reason: 'must be an object' }];
    return Object.entries(settings).flatMap(([name, value]) => {
      const path = `${group}.${name}`;
      if (value === undefined) return [];
      const reason = Object.hasOwn(known, name)
        ? valueFault(path, known[name], value)
        : `is no setting; there are ${Object.keys(known).join(', ')}`;
      return reason === null ? [] : [{ path, reason }];
    });
  });
}

function valueFault(path: string, usual: unknown, value: unknown): string | null {
  if (Array.isArray(usual)) return stepsFault(value);
  if (typeof usual === 'boolean') return typeof value === 'boolean' ? null : `${value} must be true or false`;
  if (usual === null && value === null) return null;
  if (typeof value !== 'number' || !(value >= 0 && Number.isFinite(value)))
    return `${JSON.stringify(value) ?? value} must be a number that is not negative`;
  if (shares.includes(path) && value > 1) return `${value} must be a share from 0 to 1`;
  if (atLeastOne.includes(path) && !(Number.isInteger(value) && value >= 1))
    return `${value} must be a whole number of at least 1`;
  if (path === 'journal.retentionMs' && value < minRetentionMs)
    return `${value} must be at least ${minRetentionMs}: a late try of an operation must still find it`;
  return null;
}

/** Shares of keys in percent; the last one need not be all of them. */
function stepsFault(value: unknown): string | null {
  const steps: readonly unknown[] = Array.isArray(value) ? value : [];
  const rising = steps.every((step, index) => {
    const before = steps[index - 1] ?? 0;
    return Number.isInteger(step) && Number(step) > Number(before) && Number(step) <= 100;
  });
  if (rising && steps.length > 0) return null;
  return `${JSON.stringify(value)} must be a list of whole numbers from 1 to 100, each larger than the one before`;
}
