import { LockstepError } from './failure.ts';
import { NotCanonical, type Scalar, toCanonical } from './scalar.ts';
import { type Special, type StandIn, type StandIns, specials } from './special-values.ts';

/** As a field declares it. Default `refuse`: the row is reported, and not copied. */
export type Policies<S extends Special> = { readonly [P in S]?: 'refuse' | StandIn };

type Standing = Extract<Scalar, { standIns?: StandIns }>;

/** The scalar with the stand-ins that its field declares. Throws `InvalidDefinition` where one is no value of the field. */
export function withStandIns(scalar: Standing, policies: Policies<Special>): Standing {
  const standIns: Partial<Record<Special, StandIn>> = {};
  for (const special of specials) {
    const policy = policies[special];
    if (policy === undefined || policy === 'refuse') continue;
    standIns[special] = policy === 'null' ? policy : { as: standing(scalar, special, policy.as) };
  }
  return Object.keys(standIns).length === 0 ? scalar : { ...scalar, standIns };
}

function standing(scalar: Standing, special: Special, as: string): string {
  try {
    return String(toCanonical(scalar, as));
  } catch (error) {
    if (!(error instanceof NotCanonical)) throw error;
    throw new LockstepError(
      'InvalidDefinition',
      `field.${scalar.kind}({ ${special}: { as: "${as}" } }): ${error.message}`,
      {
        path: special,
      },
    );
  }
}
