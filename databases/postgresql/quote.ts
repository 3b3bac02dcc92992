export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A table name, which may carry its schema before a point. */
export function quoteTable(name: string): string {
  return name.split('.').map(quote).join('.');
}

/** The body of a function between marks that do not occur in it: a name in it may hold any characters. */
export function body(sql: string): string {
  let mark = '$lockstep$';
  for (let n = 1; sql.includes(mark); n++) mark = `$lockstep${n}$`;
  return `${mark}${sql}${mark}`;
}

/** Lists as rows. Of several the parser itself takes the server's own function; of one, any schema's of the path would do. */
export function unnested(lists: readonly string[]): string {
  const [only, ...others] = lists;
  return others.length === 0 ? `pg_catalog.unnest(${only})` : `unnest(${lists.join(', ')})`;
}

/** A string literal; used for names of our own and of the catalogue only, never for values. */
export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
