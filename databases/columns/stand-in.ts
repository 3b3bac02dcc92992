import type { Canonical } from '../../model/canonical.ts';
import { NotCanonical, type Scalar } from '../../model/scalar.ts';
import type { Special, StandIn } from '../../model/special-values.ts';
import type { CatalogueColumn } from './catalogue.ts';

/** What stands for a column's text, if the text is a special value; null if it is a value like others. */
export function standInOf(
  column: CatalogueColumn,
  scalar: Scalar,
  text: string,
): { readonly value: string | null } | null {
  for (const [special, own] of column.specials) {
    if (own !== text || scalar.kind === 'text') continue;
    const standIn = declared(scalar, special);
    if (!standIn) throw refused(special, scalar);
    return { value: standIn === 'null' ? null : standIn.as };
  }
  return null;
}

/** The special text to store for a canonical value, where the value stands for one that the column has; null elsewhere. */
export function specialText(column: CatalogueColumn, scalar: Scalar, value: Canonical): string | null {
  for (const [special, own] of column.specials) {
    const standIn = declared(scalar, special);
    if (!standIn) continue;
    if (standIn === 'null' ? value === null && !column.nullable : value === standIn.as) return own;
  }
  return null;
}

/** A value that occurs as itself cannot stand for another: written back, it would become the other. */
export function refuseStandIn(column: CatalogueColumn, scalar: Scalar, value: Canonical): void {
  for (const [special] of column.specials) {
    const standIn = declared(scalar, special);
    if (typeof standIn === 'object' && standIn.as === value) {
      throw new NotCanonical(
        `holds the very value that stands for ${names[special]}; let another value stand for it`,
      );
    }
  }
}

function declared(scalar: Scalar, special: Special): StandIn | undefined {
  return 'standIns' in scalar ? scalar.standIns?.[special] : undefined;
}

const names: Readonly<Record<Special, string>> = {
  zero: 'the zero date',
  infinity: 'infinity',
  minusInfinity: 'minus infinity',
  nan: 'NaN',
};

function refused(special: Special, { kind }: Scalar): NotCanonical {
  return new NotCanonical(
    `holds ${names[special]}, which the other store cannot keep; say what stands for it: ` +
      `field.${kind}({ ${special}: 'null' }) or { ${special}: { as: … } }`,
  );
}
