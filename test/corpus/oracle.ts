import { type Awkward, type CorpusType, type MysqlServer, quoted } from './awkward.ts';

/** Plain SQL of one engine, so that equality is judged past Lockstep. */
export interface Oracle {
  /** Before the tables are made and while the corpus is looked at. */
  readonly setUp: readonly string[];
  /** SQL that holds where a column of the target has the value. */
  holds(type: CorpusType, awkward: Awkward): string;
  /** SQL that holds where two columns of the source have the same value, or none. */
  same(type: CorpusType, left: string, right: string): string;
}

export const mysqlOracleOf = (server: MysqlServer): Oracle => ({
  setUp: ["SET sql_mode = ''", "SET time_zone = '+00:00'", 'SET NAMES utf8mb4'],
  holds({ name, target, there }, awkward) {
    const literal = literalOf(awkward, there);
    if (/^(BINARY|(LONG|MEDIUM)BLOB|BIT|FLOAT|DOUBLE)/.test(target)) return `${name} = ${literal}`;
    if (target === 'JSON' && server === 'MySQL') return `${name} = CAST(${literal} AS JSON)`;
    if (target.startsWith('DECIMAL')) return `${name} = CAST(${literal} AS DECIMAL(65,30))`;
    return `CAST(CAST(${name} AS CHAR CHARACTER SET utf8mb4) AS BINARY) = CAST(${literal} AS BINARY)`;
  },
  same({ source, field }, left, right) {
    if (field.scalar.kind === 'json')
      return server === 'MariaDB'
        ? `JSON_EQUALS(${left}, ${right})`
        : `CAST(${left} AS JSON) <=> CAST(${right} AS JSON)`;
    if (!/CHAR|TEXT|ENUM|SET/.test(source)) return `${left} <=> ${right}`;
    return `CAST(${left} AS BINARY) <=> CAST(${right} AS BINARY)`;
  },
});

export const postgresqlOracle: Oracle = {
  setUp: [
    'SET timezone = UTC',
    'SET intervalstyle = postgres',
    'CREATE EXTENSION IF NOT EXISTS hstore',
    'CREATE EXTENSION IF NOT EXISTS citext',
    "CREATE TYPE corpus_switch AS ENUM ('on', 'off')",
    `CREATE TYPE corpus_mood AS ENUM ('calm', 'Cross', 'it''s')`,
    'CREATE DOMAIN corpus_positive AS numeric(8,3) CHECK (value >= 0)',
    'CREATE DOMAIN corpus_word AS varchar(5)',
    "CREATE DOMAIN corpus_short AS corpus_word CHECK (value <> 'no')",
  ],
  holds({ name, target, there }, awkward) {
    const literal = literalOf(awkward, there);
    return target === 'json' ? `${name}::jsonb = ${literal}` : `${name} = ${literal}`;
  },
  same({ source }, left, right) {
    if (source === 'json') return `${left}::jsonb IS NOT DISTINCT FROM ${right}::jsonb`;
    if (source === 'xml' || source === 'citext' || source === 'interval')
      return `${left}::text IS NOT DISTINCT FROM ${right}::text`;
    return `${left} IS NOT DISTINCT FROM ${right}`;
  },
};

function literalOf({ is, there }: Awkward, byType: CorpusType['there']): string {
  if (there !== undefined) return there;
  if (is === null || typeof is === 'object') return 'NULL';
  return byType ? byType(is) : quoted(is);
}
