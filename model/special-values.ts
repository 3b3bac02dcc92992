/** Values that one database has and the other has not: MySQL's 0000-00-00; PostgreSQL's infinity and NaN. */
export const specialValues = ['zero', 'infinity', 'minusInfinity', 'nan'] as const;
export type SpecialValue = (typeof specialValues)[number];

/**
 * What stands in an image for a special value. It is put in where a row is read and taken out where one is written, so
 * images, digests and the other store only know the substitute. `'null'` is declared loss: a column that may be null
 * keeps the null, one that may not gets the special value back. `{ as }` is reversible: the value it names must not
 * occur otherwise.
 */
export type Substitute = 'null' | { readonly as: string };
export type Substitutes = Readonly<Partial<Record<SpecialValue, Substitute>>>;
