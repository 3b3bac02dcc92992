import { z } from 'zod';
import { type Entity, entity } from '../../model/entity.ts';
import { type AnyFields, field } from '../../model/field.ts';
import { fromCanonical } from '../../model/scalar.ts';
import { table } from '../../model/shape.ts';
import type { Awkward, CorpusType, MysqlServer } from './awkward.ts';
import { hugeTypes } from './huge.ts';
import { mysqlTypes } from './mysql.ts';
import { mysqlOracleOf, type Oracle, postgresqlOracle } from './oracle.ts';
import { postgresqlTypes } from './postgresql.ts';

/** A row of the corpus: every column is null but the one that the case is about. */
export type CorpusRow = Record<string, unknown>;

export interface Case {
  readonly id: number;
  readonly type: CorpusType;
  readonly awkward: Awkward;
}

/** All types and values of one engine, on their way to the other. */
export interface Corpus {
  readonly from: 'mysql' | 'postgresql';
  readonly cases: readonly Case[];
  readonly types: readonly CorpusType[];
  readonly source: Oracle;
  readonly target: Oracle;
  readonly entity: Entity<CorpusRow>;
  /** Statements for the source, rows included, and for the target. */
  readonly tables: { readonly source: readonly string[]; readonly target: readonly string[] };
}

interface Choice {
  /** Which of the two speaks MySQL's language. Default: MariaDB. */
  readonly server?: MysqlServer;
  /** Every `nth` value; 1, the default, takes all. */
  readonly nth?: number;
  /** Values of many megabytes, and no others. */
  readonly huge?: boolean;
}

export function corpusOf(
  from: 'mysql' | 'postgresql',
  { server = 'MariaDB', nth = 1, huge = false }: Choice = {},
): Corpus {
  const isThere = ({ only }: { only?: MysqlServer }) => only === undefined || only === server;
  const usual = from === 'mysql' ? mysqlTypes : postgresqlTypes;
  const types = (huge ? hugeTypes[from] : usual).filter(isThere);
  const mysqlOracle = mysqlOracleOf(server);
  const [source, target] =
    from === 'mysql' ? [mysqlOracle, postgresqlOracle] : [postgresqlOracle, mysqlOracle];
  const cases = types
    .flatMap((type) => type.values.filter(isThere).map((awkward) => ({ type, awkward })))
    .map((found, index): Case => ({ ...found, id: index + 1 }))
    .filter(({ id }) => id % nth === 0);
  const table = (side: 'source' | 'target', engine: string) =>
    `CREATE TABLE corpus (id INTEGER PRIMARY KEY, ${types.map((type) => `${type.name} ${type[side]}`).join(', ')})${engine}`;
  const [here, there] = from === 'mysql' ? [inMysql, ''] : ['', inMysql];
  return {
    from,
    cases,
    types,
    source,
    target,
    entity: entityOf(types),
    tables: {
      source: [
        ...source.setUp,
        table('source', here),
        'INSERT INTO corpus (id) VALUES (0)',
        ...cases.map(
          ({ id, type, awkward }) =>
            `INSERT INTO corpus (id, ${type.name}) VALUES (${id}, ${awkward.literal})`,
        ),
        // What the rows were before anybody wrote them through Lockstep.
        'CREATE TABLE pristine AS SELECT * FROM corpus',
      ],
      target: [...target.setUp, table('target', there)],
    },
  };
}

const inMysql = ' ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci';

function entityOf(types: readonly CorpusType[]): Entity<CorpusRow> {
  const fields: AnyFields = Object.fromEntries([
    ['id', field.integer()],
    ...types.map((type) => [type.name, type.field]),
  ]);
  return entity({
    name: 'corpus',
    schema: z.custom<CorpusRow>(),
    fields,
    key: 'id',
    legacy: table('corpus'),
    modern: table('corpus'),
  });
}

/** The row as a program has it. */
export function rowOf(
  { types }: Corpus,
  id: number,
  type: CorpusType,
  canonical: string | boolean | null,
): CorpusRow {
  const nothing = Object.fromEntries(types.map(({ name }) => [name, null]));
  const given = canonical === null ? null : fromCanonical(type.field.scalar, canonical);
  return { ...nothing, id, [type.name]: given };
}
