import type { Scalar } from '../../model/scalar.ts';
import type { CatalogueColumn } from './catalogue.ts';

/**
 * SQL of a canonical text in which stand-ins stand for special values, as `fromColumn` puts them in. A value that occurs as
 * itself where it stands for another is written so that it equals none.
 */
export function withStandIns(
  own: CatalogueColumn['specials'],
  scalar: Scalar,
  sql: { own: string; plain: string; literal: (text: string) => string },
): string {
  const standIns = 'standIns' in scalar ? (scalar.standIns ?? {}) : {};
  const cases = own.flatMap(([special, text]) => {
    const standIn = standIns[special];
    if (standIn === undefined) return [];
    const stands = standIn === 'null' ? 'NULL' : sql.literal(standIn.as);
    const found = `WHEN ${sql.own} = ${sql.literal(text)} THEN ${stands}`;
    return standIn === 'null' ? [found] : [found, `WHEN ${sql.plain} = ${stands} THEN '='`];
  });
  return cases.length === 0 ? sql.plain : `CASE ${cases.join(' ')} ELSE ${sql.plain} END`;
}
