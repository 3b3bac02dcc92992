import { randomBytes } from 'node:crypto';

/** The steps of a transaction, in their order. */
const steps = [
  'begin-primary',
  'write-primary',
  'prepare-primary',
  'begin-secondary',
  'write-secondary',
  'prepare-secondary',
  'decision',
  'commit-primary',
  'commit-secondary',
] as const;
export type Step = (typeof steps)[number];

const sides = ['before', 'after'] as const;
export type Side = (typeof sides)[number];

/** SIGKILL of a process, or a message that gets lost on the way: the request before a step, its answer after it. */
export const matrixFaults = ['worker', 'temporal', 'mariadb', 'postgresql', 'message'] as const;
export type MatrixFault = (typeof matrixFaults)[number];

/** Where a transaction stands when the fault comes. */
export interface Moment {
  readonly step: Step;
  readonly side: Side;
}

export const moments: readonly Moment[] = steps.flatMap((step) => sides.map((side) => ({ step, side })));

/** An operation id that says where its transaction is to stop; at most 46 characters, so that branches bear it as it is. */
export function stoppingId({ step, side }: Moment): string {
  return `stop.${step}.${side}.${randomBytes(4).toString('hex')}`;
}

export function momentOf(operationId: string): Moment | null {
  const [mark, step, side] = operationId.split('.');
  return mark !== 'stop' ? null : (moments.find((one) => one.step === step && one.side === side) ?? null);
}
