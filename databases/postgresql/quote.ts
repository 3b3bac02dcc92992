export function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A table name, which may carry its schema before a point. */
export function quoteTable(name: string): string {
  return name.split('.').map(quote).join('.');
}

/** A string literal; used for names of our own and of the catalogue only, never for values. */
export function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}
