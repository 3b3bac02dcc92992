import { LockstepError } from './failure.ts';
import { NotCanonical, type Scalar, toCanonical } from './scalar.ts';

/** Values that one database has and the other has not: MySQL's 0000-00-00; PostgreSQL's infinity and NaN. */
export const specials = ['zero', 'infinity', 'minusInfinity', 'nan'] as const;
export type Special = (typeof specials)[number];

/**
 * What stands in an image for a special value. It is put in where a row is read and taken out where one is written, so images,
 * digests and the other store only know the stand-in. `'null'` is declared loss: a column that may be null keeps the null, one
 * that may not gets the special value back. `{ as }` is reversible: the value it names must not occur otherwise.
 */
export type StandIn = 'null' | { readonly as: string };
export type StandIns = Readonly<Partial<Record<Special, StandIn>>>;

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
