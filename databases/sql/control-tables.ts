import type { Engine } from '../engine/engine.ts';

interface ControlTable {
  readonly name: string;
  /** Each by its name, as the SQL file declares it. */
  readonly columns: ReadonlyMap<string, string>;
}

/** What the store lacks of the control tables, by the names that the database gives them. */
export interface Lacking {
  readonly tables: readonly string[];
  readonly columns: readonly { readonly table: string; readonly name: string; readonly declared: string }[];
}

/** Holds the control tables of the SQL file against those that are there: an older version may have prepared the store. */
export async function lackingIn(engine: Engine): Promise<Lacking> {
  const there = Map.groupBy(await engine.query(engine.text.controlColumns), ({ name }) => name);
  const declared = declaredIn(await engine.controlStatements());
  const missing = declared.filter(({ name }) => !there.has(name));
  const columns = declared.flatMap(({ name: table, columns: own }) => {
    const known = there.get(table)?.map(({ part }) => part);
    if (!known) return [];
    return [...own].flatMap(([name, text]) =>
      known.includes(name) ? [] : [{ table, name, declared: text }],
    );
  });
  return { tables: missing.map(({ name }) => name), columns };
}

/** `CREATE TABLE IF NOT EXISTS` passes a table by that is there, whatever its columns. */
export function addColumns({ columns }: Lacking): string[] {
  return columns.map(({ table, declared }) => `ALTER TABLE ${table} ADD COLUMN ${declared}`);
}

function declaredIn(statements: readonly string[]): ControlTable[] {
  const tables = statements.join(';\n').matchAll(/^CREATE TABLE IF NOT EXISTS (\S+) \(\n([^;]*?)\n\)/gm);
  return [...tables].map(([, name = '', body = '']) => {
    const lines = body.split('\n').map((line) => line.trim().replace(/,$/, ''));
    const columns = lines.filter((line) => !/^(PRIMARY KEY|KEY \w+) \(/.test(line));
    return { name, columns: new Map(columns.map((line) => [line.split(' ')[0] ?? '', line])) };
  });
}
