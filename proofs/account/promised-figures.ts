import { type Bar, exactly, type Figures } from '../report.ts';
import { type CheckResult, faults } from './fault.ts';
import { type Answer, lastAnswer, latencyMs, type Promised, type PromiseLog } from './promises.ts';

const names = {
  lost: 'acknowledged writes lost',
  twice: 'writes applied twice',
  ghost: 'refused or unasked writes that took effect',
  unjust: 'answers that the record does not justify',
  version: 'versions that repeat or go back',
  unequal: 'differences between the stores',
  open: 'writes still pending or parked',
  told: 'operations told another outcome when sent again',
  read: 'reads that no write justifies',
} as const;

export function auditBars(
  findings: readonly CheckResult[],
  among: readonly (keyof typeof names)[] = faults,
): Bar[] {
  return among.map((fault) =>
    exactly(names[fault], 0, findings.filter((finding) => finding.fault === fault).length),
  );
}

/** Operation ids, keys and reasons: enough to look a finding up. */
export function findingLines(findings: readonly CheckResult[]): string[] {
  return findings.slice(0, 20).map(({ fault, about, why }) => `${fault}: ${about}: ${why}`);
}

export function count(log: PromiseLog, outcome: Answer['outcome']): number {
  return log.all().filter((promised) => lastAnswer(promised).outcome === outcome).length;
}

export function writeFigures(log: PromiseLog): Figures {
  return {
    asked: log.all().length,
    acknowledged: count(log, 'acknowledged'),
    refused: count(log, 'refused'),
    sentAgain: log.all().filter(({ answers }) => answers.length > 1).length,
  };
}

/** Of the acknowledged ones, from the first call to the last answer. */
export function latencyFigures(promises: readonly Promised[]): Figures {
  const sorted = promises
    .filter((promised) => lastAnswer(promised).outcome === 'acknowledged')
    .map(latencyMs)
    .sort((left, right) => left - right);
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? null;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), max: sorted.at(-1) ?? null };
}
