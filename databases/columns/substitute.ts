import type { Canonical } from '../../model/canonical.ts';
import { NotCanonical } from '../../model/not-canonical.ts';
import type { Scalar } from '../../model/scalar.ts';
import type { SpecialValue, Substitute } from '../../model/special-values.ts';
import type { CatalogueColumn } from './catalogue.ts';

/** What stands for a column's text, if the text is a special value; null if it is a value like others. */
export function substituteOf(
  column: CatalogueColumn,
  scalar: Scalar,
  text: string,
): { readonly value: string | null } | null {
  for (const [special, own] of column.specialValues) {
    if (own !== text || scalar.kind === 'text') continue;
    const substitute = declared(scalar, special);
    if (!substitute) throw refused(special, scalar);
    return { value: substitute === 'null' ? null : substitute.as };
  }
  return null;
}

/** The special text to store for a canonical value, where the value stands for one that the column has; null elsewhere. */
export function specialText(column: CatalogueColumn, scalar: Scalar, value: Canonical): string | null {
  for (const [special, own] of column.specialValues) {
    const substitute = declared(scalar, special);
    if (!substitute) continue;
    if (substitute === 'null' ? value === null && !column.nullable : value === substitute.as) return own;
  }
  return null;
}

/** A value that occurs as itself cannot stand for another: written back, it would become the other. */
export function assertNoSubstitute(column: CatalogueColumn, scalar: Scalar, value: Canonical): void {
  for (const [special] of column.specialValues) {
    const substitute = declared(scalar, special);
    if (typeof substitute === 'object' && substitute.as === value) {
      throw new NotCanonical(`holds the substitute of ${names[special]}; declare another substitute`);
    }
  }
}

function declared(scalar: Scalar, special: SpecialValue): Substitute | undefined {
  return 'substitutes' in scalar ? scalar.substitutes?.[special] : undefined;
}

const names: Readonly<Record<SpecialValue, string>> = {
  zero: 'the zero date',
  infinity: 'infinity',
  minusInfinity: 'minus infinity',
  nan: 'NaN',
};

function refused(special: SpecialValue, { kind }: Scalar): NotCanonical {
  return new NotCanonical(
    `holds ${names[special]}, which the other store cannot keep; declare a substitute: ` +
      `field.${kind}({ ${special}: 'null' }) or { ${special}: { as: … } }`,
  );
}
