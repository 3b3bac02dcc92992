import { NotCanonical } from '../../model/not-canonical.ts';
import { type Scalar, toCanonical } from '../../model/scalar.ts';

/** A span as either engine writes it: `-838:59:59.5`, or with PostgreSQL's days and months, whose length is not fixed. */
export function durationOfText(scalar: Scalar, text: string): string | boolean {
  if (/[a-z]/.test(text)) {
    throw new NotCanonical(
      'holds days or months, whose length the calendar decides; declare the field as text, or store hours',
    );
  }
  return toCanonical(scalar, text.replace('+', ''));
}
