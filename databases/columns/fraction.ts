import { digitsOf, type Scalar, TooFine } from '../../model/scalar.ts';
import type { BoundColumn } from './bound.ts';
import type { CatalogueColumn } from './catalogue.ts';

/** Digits after the second that a column keeps; null where it keeps text. */
export function fractionDigits({
  natural,
  limits,
}: Pick<CatalogueColumn, 'natural' | 'limits'>): number | null {
  if (natural && 'precision' in natural) return natural.precision;
  return limits.fraction ?? null;
}

/** Whether a column keeps fewer digits than a time can have, by itself or by the scalar that its values are held to. */
export function mayRound(column: BoundColumn): boolean {
  const { scalar } = column;
  if (!('precision' in scalar)) return false;
  const finest = digitsOf({ precision: null });
  return Math.min(digitsOf(scalar), fractionDigits(column) ?? finest) < finest;
}

/** Throws `TooFine` where the column would round a time. Fields of a precision fit their columns from the start. */
export function assertNotFiner(column: CatalogueColumn, scalar: Scalar, value: string): void {
  if (!('precision' in scalar) || scalar.precision !== null) return;
  const kept = fractionDigits(column);
  if (kept === null || !isFiner(value, kept)) return;
  throw new TooFine(
    `is finer than the ${kept} digits after the second that ${column.declared} keeps; round it, or widen the column`,
  );
}

function isFiner(time: string, digits: number): boolean {
  const point = time.indexOf('.');
  return point >= 0 && /[1-9]/.test(time.slice(point + 1 + digits));
}
