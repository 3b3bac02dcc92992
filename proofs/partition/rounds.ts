import type { Change } from '../cutover/operator.ts';
import type { From, How, Kind } from './participants.ts';

/** Who loses what in which way while the primary changes, and how long before. */
export interface Round {
  readonly kind: Kind;
  readonly from: From;
  readonly how: How;
  readonly change: Change;
}

const kinds = ['worker', 'service'] as const;
const ways = ['stores', 'temporal'] as const;
const hows = ['hang', 'cut'] as const;

/** Every kind of loss, with a change there and one back. */
const all: readonly Round[] = kinds.flatMap((kind) =>
  ways.flatMap((from) =>
    hows.flatMap((how): Round[] => [
      { kind, from, how, change: 'advance' },
      { kind, from, how, change: 'rollback' },
    ]),
  ),
);

const few: readonly Round[] = [
  { kind: 'worker', from: 'stores', how: 'hang', change: 'advance' },
  { kind: 'worker', from: 'temporal', how: 'cut', change: 'rollback' },
  { kind: 'service', from: 'stores', how: 'hang', change: 'advance' },
  { kind: 'service', from: 'temporal', how: 'cut', change: 'rollback' },
];

/** @param count null for as many as each form has by itself */
export function rounds(short: boolean, count: number | null): readonly Round[] {
  const each = short ? few : all;
  return Array.from({ length: count ?? (short ? few.length : 3 * all.length) }, (_, number) => {
    const round = each[number % each.length];
    if (!round) throw new TypeError('there are rounds');
    return round;
  });
}

export function nameOf({ kind, from, how, change }: Round): string {
  return `${kind} from ${from} by a ${how}, ${change}`;
}
