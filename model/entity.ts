import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Image, Key } from './canonical.ts';
import { LockstepError, type StoreName } from './failure.ts';
import { type AnyFields, type FieldsOf, imageOf } from './field.ts';
import { type Scalar, type ScalarKind, typeName } from './scalar.ts';
import type { Shape } from './shape.ts';

export type Pattern = 'primary-secondary' | 'parallel' | 'flag-controlled' | 'transactional';

/** When a caller is answered: the primary has committed, both stores have, or the intent is durable. */
export type Ack = 'primary' | 'both' | 'recorded';

/** One kind of record, with its schema, key, fields and a shape for each store. `E` is what programs see. */
export interface Entity<E = unknown> {
  readonly name: string;
  readonly schema: StandardSchemaV1<unknown, E>;
  readonly fields: AnyFields;
  readonly key: readonly string[];
  readonly shapes: Readonly<Record<StoreName, Shape<unknown>>>;
  readonly pattern: Pattern;
  readonly ack: Ack;
}

export interface EntityOptions<E> {
  /** Lower-case letters, digits and underscores, at most 40: it becomes part of names in both databases. */
  name: string;
  /** Any Standard Schema (zod, valibot, arktype …). Validation happens before anything starts. */
  schema: StandardSchemaV1<unknown, E>;
  /** The canonical form of every property. */
  fields: FieldsOf<E>;
  key: (keyof E & string) | readonly (keyof E & string)[];
  legacy: Shape<E>;
  modern: Shape<E>;
  /** Default `primary-secondary`. */
  pattern?: Pattern;
  /** Default `primary`; `both` for `parallel` and `transactional`. */
  ack?: Ack;
}

const keyKinds: readonly ScalarKind[] = [
  'text',
  'integer',
  'bigint',
  'decimal',
  'uuid',
  'bytes',
  'date',
  'timestamp',
];

/** Declares an entity. Throws `InvalidDefinition` with the path of what is wrong. */
export function entity<E>(options: EntityOptions<E>): Entity<E> {
  const { name } = options;
  if (!/^[a-z][a-z0-9_]{0,39}$/.test(name)) {
    throw invalid(`entity "${name}"`, 'the name must match [a-z][a-z0-9_]*, at most 40 characters');
  }
  const fields: AnyFields = options.fields as AnyFields;
  const key: readonly string[] = typeof options.key === 'string' ? [options.key] : options.key;
  if (key.length === 0) throw invalid(`${name}.key`, 'a key needs at least one field');
  for (const part of key) {
    const declared = fields[part];
    if (!declared) throw invalid(`${name}.key`, `names "${part}", which is not among the fields`);
    if (declared.form !== 'scalar' || !keyKinds.includes(declared.scalar.kind)) {
      throw invalid(`${name}.key`, `"${part}" cannot be a key; use one of ${keyKinds.join(', ')}`);
    }
    if (mayBeNull(declared.scalar)) {
      throw invalid(
        `${name}.key`,
        `"${part}" lets null stand for a value, and a key may not be null; use { as: … }`,
      );
    }
  }
  const pattern = options.pattern ?? 'primary-secondary';
  checkShape(name, 'legacy', options.legacy, fields, key);
  checkShape(name, 'modern', options.modern, fields, key);
  return {
    name,
    schema: options.schema,
    fields,
    key,
    shapes: { legacy: options.legacy, modern: options.modern },
    pattern,
    ack: options.ack ?? (pattern === 'parallel' || pattern === 'transactional' ? 'both' : 'primary'),
  };
}

function mayBeNull(scalar: Scalar): boolean {
  return 'standIns' in scalar && Object.values(scalar.standIns ?? {}).includes('null');
}

function checkShape(
  name: string,
  store: StoreName,
  shape: Shape<unknown>,
  fields: AnyFields,
  key: readonly string[],
) {
  if (shape.form === 'columns') {
    for (const named of Object.keys(shape.columns)) {
      if (!fields[named]) throw invalid(`${name}.${store}.columns.${named}`, 'is not among the fields');
    }
    for (const [fieldName, declared] of Object.entries(fields)) {
      if (declared.form === 'scalar') continue;
      throw invalid(
        `${name}.fields.${fieldName}`,
        `a ${declared.form} does not fit one column; give ${store} a shape of rows() with toRows and fromRows`,
      );
    }
    return;
  }
  if (shape.owned.length === 0) throw invalid(`${name}.${store}.tables`, 'a shape owns at least one table');
  for (const table of shape.owned) {
    if (table.key.length === key.length) continue;
    const want = `${key.length} column${key.length === 1 ? '' : 's'}`;
    throw invalid(`${name}.${store}.tables.${table.table}.key`, `must name ${want}, for ${key.join(', ')}`);
  }
  for (const { table, through } of shape.referenced) {
    if (shape.owned.some((own) => own.table === through.table)) continue;
    throw invalid(
      `${name}.${store}.referenced.${table}.through`,
      `"${through.table}" is not among the tables`,
    );
  }
}

/** Validates with the schema, then gives the canonical image. Throws `InvalidEntity` with path and type, never the value. */
export async function validImage<E>(declared: Entity<E>, value: unknown): Promise<Image> {
  const result = await declared.schema['~standard'].validate(value);
  if (result.issues) {
    const found = result.issues.map((issue) => ({
      path: pathOf(declared.name, issue),
      type: typeAt(value, issue),
    }));
    const shown = found.slice(0, 5).map(({ path, type }) => `${path} (got ${type})`);
    const more = found.length > 5 ? `; and ${found.length - 5} more` : '';
    throw new LockstepError(
      'InvalidEntity',
      `${declared.name} fails its schema at ${shown.join('; ')}${more}; correct it and send it again, nothing was written`,
      {
        entity: declared.name,
        path: found[0]?.path ?? declared.name,
        remedy: 'correct the value; nothing was written',
      },
    );
  }
  return imageOf(declared.fields, result.value, declared.name);
}

/** The type of what stands at an issue's path: the value itself, and the schema's message, may be row content. */
function typeAt(value: unknown, issue: StandardSchemaV1.Issue): string {
  let at = value;
  for (const part of issue.path ?? []) {
    const name = typeof part === 'object' ? part.key : part;
    if (at === null || typeof at !== 'object') return typeName(undefined);
    at = Reflect.get(at, name);
  }
  return typeName(at);
}

function pathOf(name: string, issue: StandardSchemaV1.Issue): string {
  const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part));
  return [name, ...path].join('.');
}

export function keyOf(declared: Entity, image: Image): Key {
  return declared.key.map((part) => {
    const value = image[part] ?? null;
    if (typeof value !== 'string') {
      throw new LockstepError('InvalidEntity', `${declared.name}.${part}: a key must not be null`, {
        entity: declared.name,
        path: `${declared.name}.${part}`,
      });
    }
    return value;
  });
}

/** The longest key that both stores can index, in bytes of its text form. */
export const keyLimitBytes = 700;

function invalid(path: string, why: string): LockstepError {
  return new LockstepError('InvalidDefinition', `${path}: ${why}`, { path });
}
