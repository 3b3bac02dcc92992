import { z } from 'zod';
import { entity } from '../../model/entity.ts';
import { field } from '../../model/field.ts';
import { defineMigration } from '../../model/migration.ts';
import { table } from '../../model/shape.ts';

/** Says to the worker's process what it migrates. */
export const variable = 'LOCKSTEP_LARGE_MIGRATION';

export const document = entity({
  name: 'document',
  schema: z.strictObject({ id: z.int(), title: z.string(), body: z.custom<Uint8Array>() }),
  fields: { body: field.bytes() },
  key: 'id',
  legacy: table('documents'),
  modern: table('documents'),
});

export const documentTables = {
  mysql:
    'CREATE TABLE documents (id int NOT NULL PRIMARY KEY, title varchar(100) NOT NULL, body longblob NOT NULL) CHARACTER SET utf8mb4',
  postgresql:
    'CREATE TABLE documents (id integer PRIMARY KEY, title varchar(100) NOT NULL, body bytea NOT NULL)',
} as const;

export function documentMigration(name: string) {
  return defineMigration({ name, entities: [document], deadline: '2035-01-31T00:00:00Z' });
}

/** A row for each id from `first` to `last`, of so many bytes, which the id decides. */
export function fillStatements(
  engine: 'mysql' | 'postgresql',
  first: number,
  last: number,
  bytes: number,
): string[] {
  const times = Math.ceil(bytes / 32);
  return Array.from({ length: last - first + 1 }, (_, at) => first + at).map((id) =>
    engine === 'mysql'
      ? `INSERT INTO documents VALUES (${id}, 'as it was', REPEAT(UNHEX(SHA2('${id}', 256)), ${times}))`
      : `INSERT INTO documents VALUES (${id}, 'as it was', decode(repeat(encode(sha256('${id}'), 'hex'), ${times}), 'hex'))`,
  );
}

/** The same text at both engines for the same rows. */
export const documentTexts = {
  mysql: "SELECT CONCAT_WS(' ', id, title, LENGTH(body), SHA2(body, 256)) AS text FROM documents ORDER BY id",
  postgresql:
    "SELECT concat_ws(' ', id, title, length(body), encode(sha256(body), 'hex')) AS text FROM documents ORDER BY id",
} as const;
