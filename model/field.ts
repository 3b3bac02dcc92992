import {
  type Canonical,
  canonicalText,
  compareText,
  type Image,
  isList,
  isRecord,
  recordIdentity,
} from './canonical.ts';
import { LockstepError } from './failure.ts';
import { fromCanonical, NotCanonical, type Scalar, toCanonical, typeName } from './scalar.ts';
import { type Policies, withStandIns } from './stand-in.ts';

/** A field's declaration; `T` is what programs see of it. Null is a value of every field. */
export type Field<T> = ScalarField<T> | ListField<T> | RecordField<T>;

export interface ScalarField<T> {
  readonly form: 'scalar';
  readonly scalar: Scalar;
  /** Carries the type only. */
  readonly type?: T;
}

export interface ListField<T> {
  readonly form: 'list';
  readonly fields: AnyFields;
  /** The members that tell items apart; the canonical list is sorted by them. */
  readonly by: readonly string[];
  readonly type?: T;
}

export interface RecordField<T> {
  readonly form: 'record';
  readonly fields: AnyFields;
  /** Set where the record is shared with other entities: it then has a guard of its own under this name. */
  readonly shared: { readonly name: string; readonly identity: readonly string[] } | null;
  readonly type?: T;
}

export type AnyFields = Readonly<Record<string, Field<unknown>>>;

/** The declarations that fit an entity's type: one for each property. */
export type FieldsOf<E> = { readonly [P in keyof E]-?: Field<NonNullable<E[P]>> };

type RecordOf<E> = { readonly [P in keyof E]-?: Field<NonNullable<E[P]>> };

const scalarField = <T>(scalar: Scalar): ScalarField<T> => ({ form: 'scalar', scalar });

/**
 * How fields are declared. Each says what programs see and which canonical form both stores are held to. Where a database
 * has values that the other one has not (`StandIns`), they are refused unless the field says what stands for them.
 */
export const field = {
  /** `nul: 'bytes'` lets NUL characters in; PostgreSQL then keeps the text in a `bytea` column, as UTF-8. Default `refuse`. */
  text: <T extends string = string>({ nul = 'refuse' }: { nul?: 'refuse' | 'bytes' } = {}) =>
    scalarField<T>(nul === 'bytes' ? { kind: 'text', nul } : { kind: 'text' }),
  boolean: () => scalarField<boolean>({ kind: 'boolean' }),
  /** A whole number within ±2^53. */
  integer: () => scalarField<number>({ kind: 'integer' }),
  bigint: () => scalarField<bigint>({ kind: 'bigint' }),
  /** An exact decimal, as a string with exactly `scale` digits after the point; without `scale`, with as many as it needs. */
  decimal: ({
    scale,
    ...policies
  }: { scale?: number } & Policies<'nan' | 'infinity' | 'minusInfinity'> = {}) =>
    scalarField<string>(withStandIns({ kind: 'decimal', scale: scale ?? null }, policies)),
  /** A double. Negative zero becomes zero. */
  float: (policies: Policies<'nan' | 'infinity' | 'minusInfinity'> = {}) =>
    scalarField<number>(withStandIns({ kind: 'float' }, policies)),
  /** `YYYY-MM-DD` */
  date: (policies: Policies<'zero' | 'infinity' | 'minusInfinity'> = {}) =>
    scalarField<string>(withStandIns({ kind: 'date' }, policies)),
  /** A time of day, `HH:MM:SS.ffffff`, with `precision` (0…6, default 6) digits. */
  time: ({ precision = 6 }: { precision?: number } = {}) => scalarField<string>({ kind: 'time', precision }),
  /** An instant in UTC, `YYYY-MM-DDTHH:MM:SS.ffffffZ`, with `precision` (0…6, default 6) digits. */
  timestamp: ({
    precision = 6,
    ...policies
  }: { precision?: number } & Policies<'zero' | 'infinity' | 'minusInfinity'> = {}) =>
    scalarField<string>(withStandIns({ kind: 'timestamp', precision }, policies)),
  /** A span of time, `[-]HH:MM:SS.ffffff`, which may be longer than a day: MySQL's TIME, PostgreSQL's interval. */
  duration: ({ precision = 6 }: { precision?: number } = {}) =>
    scalarField<string>({ kind: 'duration', precision }),
  /** Exactly `length` bits, as a string of 0 and 1. */
  bits: ({ length }: { length: number }) => scalarField<string>({ kind: 'bits', length }),
  /** Distinct labels, sorted: MySQL's SET, a list or JSON elsewhere. */
  set: <T extends string = string>() => scalarField<readonly T[]>({ kind: 'set' }),
  uuid: () => scalarField<string>({ kind: 'uuid' }),
  bytes: () => scalarField<Uint8Array>({ kind: 'bytes' }),
  json: <T = unknown>() => scalarField<T>({ kind: 'json' }),
  record: <E>(fields: RecordOf<E>): RecordField<E> => ({
    form: 'record',
    fields: widen(fields),
    shared: null,
  }),
  /** A record that other entities hold too (the customer of an order); `identity` names its key members. */
  shared: <E>(
    name: string,
    fields: RecordOf<E>,
    identity: readonly (keyof E & string)[],
  ): RecordField<E> => ({
    form: 'record',
    fields: widen(fields),
    shared: { name, identity },
  }),
  /** Records owned by the entity; `by` names the members that tell them apart. */
  list: <E>(fields: RecordOf<E>, { by }: { by: readonly (keyof E & string)[] }): ListField<E[]> => ({
    form: 'list',
    fields: widen(fields),
    by,
  }),
};

function widen(fields: object): AnyFields {
  return fields as AnyFields;
}

/** An entity as its canonical image. Throws `InvalidEntity` with the path, never with the value. */
export function imageOf(fields: AnyFields, entity: unknown, path: string): Image {
  if (entity === null || typeof entity !== 'object' || Array.isArray(entity)) {
    throw invalid(path, `expected an object, got ${typeName(entity)}`);
  }
  const given = entity as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given)) {
    if (!(name in fields) && given[name] !== undefined) {
      throw invalid(`${path}.${name}`, 'is not among the declared fields; declare it or leave it out');
    }
  }
  const image: Record<string, Canonical> = {};
  for (const [name, declared] of entriesOf(fields)) {
    image[name] = canonicalOf(declared, given[name], path, name);
  }
  return image;
}

const entries = new WeakMap<AnyFields, readonly (readonly [string, Field<unknown>])[]>();

/** A backfill asks for them with every row. */
function entriesOf(fields: AnyFields): readonly (readonly [string, Field<unknown>])[] {
  const known = entries.get(fields);
  if (known) return known;
  const found = Object.entries(fields);
  entries.set(fields, found);
  return found;
}

/** Only the given properties, as canonical values: what a partial update carries. */
export function patchOf(fields: AnyFields, patch: unknown, path: string): Image {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) {
    throw invalid(path, `expected an object, got ${typeName(patch)}`);
  }
  const image: Record<string, Canonical> = {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === undefined) continue;
    const declared = fields[name];
    if (!declared)
      throw invalid(`${path}.${name}`, 'is not among the declared fields; declare it or leave it out');
    image[name] = canonicalOf(declared, value, path, name);
  }
  return image;
}

export function entityOf(fields: AnyFields, image: Image): Record<string, unknown> {
  const entity: Record<string, unknown> = {};
  for (const [name, declared] of entriesOf(fields))
    entity[name] = programValue(declared, image[name] ?? null);
  return entity;
}

function canonicalOf(declared: Field<unknown>, value: unknown, path: string, name: string): Canonical {
  if (value === null || value === undefined) return null;
  switch (declared.form) {
    case 'scalar':
      try {
        return toCanonical(declared.scalar, value);
      } catch (error) {
        if (error instanceof NotCanonical) throw invalid(`${path}.${name}`, error.message);
        throw error;
      }
    case 'record':
      return imageOf(declared.fields, value, `${path}.${name}`);
    case 'list':
      return listOf(declared, value, `${path}.${name}`);
  }
}

function listOf(declared: ListField<unknown>, value: unknown, path: string): Canonical {
  if (!Array.isArray(value)) throw invalid(path, `expected a list, got ${typeName(value)}`);
  const items = value.map((item: unknown, index) => {
    const image = imageOf(declared.fields, item, `${path}[${index}]`);
    return { image, order: canonicalText(declared.by.map((name) => image[name] ?? null)) };
  });
  items.sort((left, right) => compareText(left.order, right.order));
  items.forEach((item, index) => {
    if (index > 0 && items[index - 1]?.order === item.order) {
      throw invalid(path, `two items have the same ${declared.by.join(', ')}; each item needs its own`);
    }
  });
  return items.map((item) => item.image);
}

function programValue(declared: Field<unknown>, canonical: Canonical): unknown {
  if (canonical === null) return null;
  if (declared.form === 'scalar') {
    if (typeof canonical === 'string' || typeof canonical === 'boolean')
      return fromCanonical(declared.scalar, canonical);
  } else if (declared.form === 'list') {
    if (isList(canonical)) {
      return canonical.map((item) => (isRecord(item) ? entityOf(declared.fields, item) : null));
    }
  } else if (isRecord(canonical)) {
    return entityOf(declared.fields, canonical);
  }
  throw new TypeError(`a canonical value does not have the form of its field (${declared.form})`);
}

/** The image without what it shares: shared records are cut down to their identity. This is what a digest covers. */
export function ownImage(fields: AnyFields, image: Image): Image {
  const own: Record<string, Canonical> = {};
  for (const [name, declared] of entriesOf(fields)) own[name] = ownValue(declared, image[name] ?? null);
  return own;
}

function ownValue(declared: Field<unknown>, value: Canonical): Canonical {
  if (declared.form === 'list' && isList(value)) {
    return value.map((item) => (isRecord(item) ? ownImage(declared.fields, item) : item));
  }
  if (declared.form === 'record' && isRecord(value)) {
    const own = ownImage(declared.fields, value);
    if (!declared.shared) return own;
    return Object.fromEntries(declared.shared.identity.map((name) => [name, own[name] ?? null]));
  }
  return value;
}

/** Whether anything in an image can be shared. */
export function holdsShared(fields: AnyFields): boolean {
  return Object.values(fields).some(
    (declared) =>
      declared.form !== 'scalar' &&
      ((declared.form === 'record' && declared.shared !== null) || holdsShared(declared.fields)),
  );
}

/** The shared records that an image holds, one for each identity. */
export function sharedRecords(
  fields: AnyFields,
  image: Image,
): { name: string; key: string[]; record: Image }[] {
  const found = new Map<string, { name: string; key: string[]; record: Image }>();
  const visit = (declared: Field<unknown>, value: Canonical): void => {
    if (declared.form === 'list' && isList(value)) {
      for (const item of value) if (isRecord(item)) visitAll(declared.fields, item);
    } else if (declared.form === 'record' && isRecord(value)) {
      if (declared.shared) {
        const key = declared.shared.identity.map((name) => String(value[name] ?? ''));
        found.set(recordIdentity(declared.shared.name, key), {
          name: declared.shared.name,
          key,
          record: value,
        });
      }
      visitAll(declared.fields, value);
    }
  };
  const visitAll = (inner: AnyFields, record: Image): void => {
    for (const [name, declared] of entriesOf(inner)) visit(declared, record[name] ?? null);
  };
  visitAll(fields, image);
  return [...found.values()];
}

/** The declaration of a shared record, wherever it stands; null where there is none of that name. */
export function sharedField(
  fields: AnyFields,
  name: string,
): { readonly fields: AnyFields; readonly identity: readonly string[] } | null {
  for (const declared of Object.values(fields)) {
    if (declared.form === 'scalar') continue;
    if (declared.form === 'record' && declared.shared?.name === name) {
      return { fields: declared.fields, identity: declared.shared.identity };
    }
    const inner = sharedField(declared.fields, name);
    if (inner) return inner;
  }
  return null;
}

function invalid(path: string, why: string): LockstepError {
  return new LockstepError('InvalidEntity', `${path}: ${why}`, { path });
}
