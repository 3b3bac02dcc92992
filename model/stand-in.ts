import { NotCanonical, type Scalar, toCanonical } from './scalar.ts';
import { type Special, type StandIn, type StandIns, specials } from './special-values.ts';

/** As a field declares it. Default `refuse`: the row is reported, and not copied. */
export type Policies<S extends Special> = { readonly [P in S]?: 'refuse' | StandIn };

/** The scalars of which a database has special values. */
export type SpecialScalar = Extract<Scalar, { standIns?: StandIns }>;

/** The stand-ins that a field declares, null where it declares none; and what is wrong where one is no value of the field. */
export function standInsOf(
  scalar: SpecialScalar,
  policies: Policies<Special>,
): { standIns: StandIns | null; fault: string | null } {
  const standIns: Partial<Record<Special, StandIn>> = {};
  const faults: string[] = [];
  for (const special of specials) {
    const policy = policies[special];
    if (policy === undefined || policy === 'refuse') continue;
    if (policy === 'null') {
      standIns[special] = policy;
      continue;
    }
    try {
      standIns[special] = { as: String(toCanonical(scalar, policy.as)) };
    } catch (error) {
      if (!(error instanceof NotCanonical)) throw error;
      faults.push(`field.${scalar.kind}({ ${special}: { as: "${policy.as}" } }): ${error.message}`);
    }
  }
  return {
    standIns: Object.keys(standIns).length === 0 ? null : standIns,
    fault: faults.length === 0 ? null : faults.join('; '),
  };
}
