export function quote(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A table name, which may carry its database before a point. */
export function quoteTable(name: string): string {
  return name.split('.').map(quote).join('.');
}

/** What the catalogue knows a table by: its database, null for that of the connection, and its name. */
export function placeOf(table: string): [database: string | null, name: string] {
  const parts = table.split('.');
  return [parts.length > 1 ? (parts[0] ?? null) : null, parts.at(-1) ?? table];
}

/** A string literal; used for names of our own and of the catalogue only, never for values. */
export function literal(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
