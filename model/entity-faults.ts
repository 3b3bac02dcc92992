import { type Fault, throwFaults } from './definition-fault.ts';
import { completeFields, describedBy } from './derive-fields.ts';
import type { AnyFields, Field } from './field.ts';
import { isObject } from './is-object.ts';
import { memberOf } from './member.ts';
import { isTexts, optionFaults, unless } from './option-faults.ts';
import type { Scalar, ScalarKind } from './scalar.ts';
import { type RowsShape, referenceSteps, type Shape } from './shape.ts';

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

const known = ['name', 'schema', 'key', 'fields', 'legacy', 'modern', 'pattern', 'ack', 'entry'];

/** Throws where nothing more can be told of it than that it is no declaration of an entity. */
export function assertEntityForm(options: unknown): void {
  const name: unknown = isObject(options) ? Reflect.get(options, 'name') : undefined;
  const path = typeof name === 'string' ? name : 'entity';
  const faults = optionFaults(path, options, known);
  if (!isObject(options)) throwFaults(faults);
  const given = new Map<string, unknown>(Object.entries(options as object));
  const [schema, key, fields] = [given.get('schema'), given.get('key'), given.get('fields')];
  const isSchema = (isObject(schema) || typeof schema === 'function') && '~standard' in schema;
  throwFaults([
    ...faults,
    ...unless(typeof name === 'string', `${path}.name`, 'must be a text'),
    ...unless(isSchema, `${path}.schema`, 'must be a Standard Schema, such as z.strictObject({ … }) of zod'),
    ...unless(
      typeof key === 'string' || isTexts(key),
      `${path}.key`,
      'must be the name of a field, or a list of names',
    ),
    ...unless(fields === undefined || isObject(fields), `${path}.fields`, 'must be an object'),
    ...Object.entries(isObject(fields) ? fields : {}).flatMap(([field, declared]) =>
      unless(
        declared === undefined || (isObject(declared) && 'form' in declared),
        `${path}.fields.${field}`,
        'is no field; declare it with field.text() and its like',
      ),
    ),
    ...['legacy', 'modern'].flatMap((store) => {
      const shape = given.get(store);
      const reason = 'is no shape; declare it with table(…) or rows({ … })';
      return unless(isObject(shape) && 'form' in shape, `${path}.${store}`, reason);
    }),
  ]);
}

/** All fields of an entity, those that the schema describes among them, and what is wrong with them and with the key. */
export function fieldsOf(entity: {
  readonly name: string;
  readonly schema: object;
  readonly declared: AnyFields;
  readonly key: readonly string[];
}): { fields: AnyFields; faults: Fault[] } {
  const { name, schema, declared, key } = entity;
  const faults: Fault[] = [];
  const described = describedBy(schema);
  if (!described && Object.keys(declared).length === 0) {
    const reason = "name every property: the schema's library gives no JSON Schema of it to take them from";
    faults.push({ path: `${name}.fields`, reason });
  }
  const fields = completeFields(declared, described, `${name}.fields`, faults);
  for (const [field, one] of Object.entries(fields))
    faults.push(
      ...nameFaults(field, `${name}.fields.${field}`),
      ...fieldFaults(one, `${name}.fields.${field}`),
    );
  faults.push(...keyFaults(name, key, fields));
  return { fields, faults };
}

/** An object with a property of this name has no property, but another prototype. */
function nameFaults(name: string, path: string): Fault[] {
  if (name !== '__proto__') return [];
  const reason =
    'JavaScript takes this name for something else; give the field another one, and name the column in `table`';
  return [{ path, reason }];
}

function fieldFaults(field: Field, path: string): Fault[] {
  if (field.form === 'scalar') {
    const reasons = [field.fault ?? null, measureFault(field.scalar)];
    return reasons.flatMap((reason) => (reason === null ? [] : [{ path, reason }]));
  }
  const names = field.form === 'list' ? field.by : (field.shared?.identity ?? []);
  const what = field.form === 'list' ? 'by' : 'identity';
  const faults: Fault[] = [];
  if (names.length === 0 && (field.form === 'list' || field.shared))
    faults.push({ path: `${path}.${what}`, reason: 'names at least one member' });
  for (const name of names) {
    if (memberOf(field.fields, name)?.form === 'scalar') continue;
    const reason = `"${name}" is not among the members that are scalars: ${listed(field.fields)}`;
    faults.push({ path: `${path}.${what}`, reason });
  }
  const inner = Object.entries(field.fields).flatMap(([name, one]) => [
    ...nameFaults(name, `${path}.${name}`),
    ...fieldFaults(one, `${path}.${name}`),
  ]);
  return [...faults, ...inner];
}

function measureFault(scalar: Scalar): string | null {
  const isWhole = (value: number, least: number, most: number) =>
    Number.isInteger(value) && value >= least && value <= most;
  if ('precision' in scalar && scalar.precision !== null && !isWhole(scalar.precision, 0, 6))
    return `precision ${scalar.precision} must be a whole number from 0 to 6`;
  if (scalar.kind === 'decimal' && scalar.scale !== null && !isWhole(scalar.scale, 0, 16_383))
    return `scale ${scalar.scale} must be a whole number that is not negative`;
  if (scalar.kind === 'bits' && !isWhole(scalar.length, 1, 83_886_080))
    return `length ${scalar.length} must be a whole number of at least 1`;
  return null;
}

function keyFaults(name: string, key: readonly string[], fields: AnyFields): Fault[] {
  const path = `${name}.key`;
  if (key.length === 0) return [{ path, reason: 'a key needs at least one field' }];
  return key.flatMap((part, index) => {
    const reason = key.indexOf(part) === index ? keyFault(part, fields) : `names "${part}" twice`;
    return reason === null ? [] : [{ path, reason }];
  });
}

function keyFault(part: string, fields: AnyFields): string | null {
  const declared = memberOf(fields, part);
  if (!declared) return `names "${part}", which is not among the fields: ${listed(fields)}`;
  if (declared.form !== 'scalar' || !keyKinds.includes(declared.scalar.kind))
    return `"${part}" cannot be a key; use one of ${keyKinds.join(', ')}`;
  if (mayBeNull(declared.scalar))
    return `"${part}" has null as a substitute, and a key may not be null; use { as: … }`;
  return null;
}

function mayBeNull(scalar: Scalar): boolean {
  return 'substitutes' in scalar && Object.values(scalar.substitutes ?? {}).includes('null');
}

/** What is wrong with a shape, as far as it can be told without its tables. */
export function shapeFaults(about: {
  readonly path: string;
  readonly shape: Shape;
  readonly fields: AnyFields;
  readonly key: readonly string[];
}): Fault[] {
  const { path, shape, fields, key } = about;
  if (shape.form === 'rows') return rowsFaults(path, shape, key);
  const unknown = Object.keys(shape.columns)
    .filter((named) => memberOf(fields, named) === undefined)
    .map((named) => ({
      path: `${path}.columns.${named}`,
      reason: `is not among the fields: ${listed(fields)}`,
    }));
  const notLoadable = Object.entries(fields)
    .filter(([, { form }]) => form !== 'scalar')
    .map(([named, { form }]) => ({
      path: `${path}.${named}`,
      reason: `a ${form} does not fit one column; use rows({ … }) with toRows and fromRows, or declare field.json()`,
    }));
  return [...unknown, ...notLoadable];
}

function rowsFaults(path: string, shape: RowsShape, key: readonly string[]): Fault[] {
  if (shape.owned.length === 0)
    return [{ path: `${path}.tables`, reason: 'a shape owns at least one table' }];
  const want = `${key.length} column${key.length === 1 ? '' : 's'}`;
  const keys = shape.owned
    // A program without types may have left it out.
    .filter((table) => !Array.isArray(table.key) || table.key.length !== key.length)
    .map(({ table }) => ({
      path: `${path}.tables.${table}.key`,
      reason: `must name ${want}, for ${key.join(', ')}`,
    }));
  const references = shape.referenced
    .filter((reference) => referenceSteps(shape, reference) === null)
    .map(({ table, through }) => ({
      path: `${path}.referenced.${table}.through`,
      reason: `"${through.table}" is not among the tables, nor among those that they lead to`,
    }));
  return [...keys, ...references];
}

function listed(fields: AnyFields): string {
  return Object.keys(fields).join(', ') || 'there are none';
}
