import type { Scalar } from '../../model/scalar.ts';
import type { CatalogueColumn } from './catalogue.ts';

/**
 * SQL of a canonical text in which substitutes stand for special values, as `fromColumn` puts them in. A value that
 * occurs as itself where it stands for another is written so that it equals none.
 */
export function substituteSql(
  own: CatalogueColumn['specialValues'],
  scalar: Scalar,
  sql: { own: string; plain: string; literal: (text: string) => string },
): string {
  const substitutes = 'substitutes' in scalar ? (scalar.substitutes ?? {}) : {};
  const cases = own.flatMap(([special, text]) => {
    const substitute = substitutes[special];
    if (substitute === undefined) return [];
    const stands = substitute === 'null' ? 'NULL' : sql.literal(substitute.as);
    const found = `WHEN ${sql.own} = ${sql.literal(text)} THEN ${stands}`;
    return substitute === 'null' ? [found] : [found, `WHEN ${sql.plain} = ${stands} THEN '='`];
  });
  return cases.length === 0 ? sql.plain : `CASE ${cases.join(' ')} ELSE ${sql.plain} END`;
}
