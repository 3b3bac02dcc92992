import { isObject } from './is-object.ts';
import { NotCanonical } from './not-canonical.ts';
import { type Scalar, toCanonical } from './scalar.ts';
import { type SpecialValue, type Substitute, type Substitutes, specialValues } from './special-values.ts';

/** As a field declares it. Default `refuse`: the row is reported, and not copied. */
export type SubstituteOptions<S extends SpecialValue> = { readonly [P in S]?: 'refuse' | Substitute };

/** The scalars of which a database has special values. */
export type SubstitutableScalar = Extract<Scalar, { substitutes?: Substitutes }>;

/**
 * The substitutes that a field declares, null where it declares none; and what is wrong where one is no value of the
 * field.
 */
export function substitutesOf(
  scalar: SubstitutableScalar,
  options: SubstituteOptions<SpecialValue>,
): { substitutes: Substitutes | null; fault: string | null } {
  const substitutes: Partial<Record<SpecialValue, Substitute>> = {};
  const faults: string[] = [];
  for (const special of specialValues) {
    const option = options[special];
    if (option === undefined || option === 'refuse') continue;
    if (option === 'null') {
      substitutes[special] = option;
      continue;
    }
    if (!isObject(option)) {
      faults.push(`field.${scalar.kind}.${special} is none of refuse, null and { as: VALUE }`);
      continue;
    }
    try {
      substitutes[special] = { as: String(toCanonical(scalar, option.as)) };
    } catch (error) {
      if (!(error instanceof NotCanonical)) throw error;
      faults.push(`field.${scalar.kind}({ ${special}: { as: "${option.as}" } }): ${error.message}`);
    }
  }
  return {
    substitutes: Object.keys(substitutes).length === 0 ? null : substitutes,
    fault: faults.length === 0 ? null : faults.join('; '),
  };
}
