import type { Report, Run } from '../proofs/report.ts';
import type { WayName } from './writes/ways.ts';

/** What a bench is run with. What is undefined is the bench's own to choose. */
export interface Setting extends Run {
  /** How much each run works on. */
  rows: number | undefined;
  /** How often each way is measured. */
  runs: number | undefined;
  /** Of `writes`: what is measured. */
  ways: readonly WayName[] | undefined;
  /** Of `writes`: how many callers at a time. */
  callers: readonly number[] | undefined;
  /** Of `writes`: whether docs/performance.md gets the figures. */
  writeDocs: boolean;
}

export type Bench = (setting: Setting) => Promise<Report>;

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @param share 0…1 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Three significant digits: more would claim to know better than a shared machine can. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
