import { quote } from './quote.ts';

/**
 * Where a session of ours looks for names without a schema, the bodies of triggers too: the server's own, then the schemas of the declared
 * tables, then `public`. What a role, a database or a URL has would find other tables; and whoever may create a function in a schema before
 * the server's own could have it run as us. A table that is declared without a schema is one in `public`, which then comes before the others.
 *
 * @param tables as they are declared
 */
export function searchPath(tables: readonly string[]): string {
  const declared = new Set(tables.flatMap((table) => table.split('.').slice(-2, -1)));
  const isPublicDeclared = tables.some((table) => !table.includes('.'));
  const schemas = isPublicDeclared ? ['public', ...declared] : [...declared, 'public'];
  const others = new Set(schemas.filter((schema) => schema !== 'pg_catalog'));
  return ['pg_catalog', ...[...others].map(quote), 'pg_temp'].join(', ');
}
