import {
  type Canonical,
  canonicalText,
  compareText,
  type Image,
  isList,
  isRecord,
  recordIdentity,
} from './canonical.ts';
import { throwFaults } from './definition-fault.ts';
import { LockstepError } from './failure.ts';
import { isObject } from './is-object.ts';
import { memberOf } from './member.ts';
import { NotCanonical } from './not-canonical.ts';
import { assertOptions, isTexts, optionFaults, unless } from './option-faults.ts';
import { fromCanonical, type Scalar, toCanonical, typeName } from './scalar.ts';
import type { SpecialValue } from './special-values.ts';
import { type SubstitutableScalar, type SubstituteOptions, substitutesOf } from './substitute.ts';

/** How a field is kept: a scalar, a record of fields, or a list of such records. Null is a value of every field. */
export type Field = ScalarField | ListField | RecordField;

export interface ScalarField {
  readonly form: 'scalar';
  readonly scalar: Scalar;
  /** What is wrong with the declaration. */
  readonly fault?: string;
}

export interface ListField {
  readonly form: 'list';
  readonly fields: AnyFields;
  /** The members that tell items apart; the canonical list is sorted by them. */
  readonly by: readonly string[];
}

export interface RecordField {
  readonly form: 'record';
  readonly fields: AnyFields;
  /** Set where the record is shared with other entities: it then has a guard of its own under this name. */
  readonly shared: { readonly name: string; readonly identity: readonly string[] } | null;
}

export type AnyFields = Readonly<Record<string, Field>>;

/** The types of a declaration. It fits a property whose values it accepts, and that has the members it names. */
export interface Accepts<in T, out M extends string = never> {
  /** Carries the type only. */
  readonly accepts?: (value: T) => void;
  /** Carries the type only. */
  readonly members?: M;
}

/** The declarations that fit a property of type `T`. */
export type FieldFor<T> = Field & Accepts<T, MemberOf<T>>;

type MemberOf<T> = T extends readonly (infer Item)[] ? keyof Item & string : keyof T & string;

type Nested = Readonly<Record<string, Field & Accepts<never, string>>>;

type AcceptedBy<D> = D extends { readonly accepts?: (value: infer T) => void } ? T : never;

type RecordOf<F> = { readonly [P in keyof F]?: AcceptedBy<NonNullable<F[P]>> | null | undefined };

/** A record in which the named members must be. */
type With<F, N extends string> = RecordOf<F> & { readonly [P in N]: unknown };

type Scalars<T> = ScalarField & Accepts<T>;

const scalarField = (scalar: Scalar, fault: string | null = null): ScalarField =>
  fault === null ? { form: 'scalar', scalar } : { form: 'scalar', scalar, fault };

/** A field with options: `defineMigration` tells what is wrong with them, with all else that is wrong. */
function withOptions<O extends object>(
  options: O | undefined,
  known: readonly (keyof O & string)[],
  scalarOf: (options: Partial<O>) => Scalar,
): ScalarField {
  const given = isObject(options) ? options : {};
  const scalar = scalarOf(given);
  const [fault] = options === undefined ? [] : optionFaults(`field.${scalar.kind}`, options, known);
  return scalarField(scalar, fault ? `${fault.path} ${fault.reason}` : null);
}

function withSubstitutes<S extends SpecialValue, O extends SubstituteOptions<S>>(
  options: O | undefined,
  known: readonly (keyof O & string)[],
  scalarOf: (options: Partial<O>) => SubstitutableScalar,
): ScalarField {
  const declared = withOptions(options, known, scalarOf);
  const scalar = scalarOf(isObject(options) ? options : {});
  const { substitutes, fault } = substitutesOf(scalar, isObject(options) ? options : {});
  return scalarField(substitutes ? { ...scalar, substitutes } : scalar, declared.fault ?? fault);
}

/**
 * How fields are declared, where the schema cannot say it. Each says what programs see and which canonical form both
 * stores are held to. Where a database has values that the other one has not (`Substitutes`), they are refused unless
 * the field declares substitutes. Members of records and lists are taken from the schema as well; `fields` names those
 * that it cannot say.
 */
export const field = {
  /** `nul: 'bytes'` lets NUL characters in; PostgreSQL then keeps the text in a `bytea` column, as UTF-8. Default `refuse`. */
  text: (options?: { nul?: 'refuse' | 'bytes' }): Scalars<string> => {
    const declared = withOptions(options, ['nul'], ({ nul }) =>
      nul === 'bytes' ? { kind: 'text', nul } : { kind: 'text' },
    );
    const nul: unknown = options?.nul;
    const isKnown = nul === undefined || nul === 'refuse' || nul === 'bytes';
    return isKnown ? declared : { ...declared, fault: 'field.text.nul is neither refuse nor bytes' };
  },
  boolean: (): Scalars<boolean> => scalarField({ kind: 'boolean' }),
  /** A whole number within ±2^53. */
  integer: (): Scalars<number> => scalarField({ kind: 'integer' }),
  bigint: (): Scalars<bigint> => scalarField({ kind: 'bigint' }),
  /** An exact decimal, as a string with exactly `scale` digits after the point; without `scale`, with as many as it needs. */
  decimal: (
    options?: { scale?: number } & SubstituteOptions<'nan' | 'infinity' | 'minusInfinity'>,
  ): Scalars<string> =>
    withSubstitutes(options, ['scale', 'nan', 'infinity', 'minusInfinity'], ({ scale }) => ({
      kind: 'decimal',
      scale: scale ?? null,
    })),
  /** A double. Negative zero becomes zero. */
  float: (options?: SubstituteOptions<'nan' | 'infinity' | 'minusInfinity'>): Scalars<number> =>
    withSubstitutes(options, ['nan', 'infinity', 'minusInfinity'], () => ({ kind: 'float' })),
  /** `YYYY-MM-DD` */
  date: (options?: SubstituteOptions<'zero' | 'infinity' | 'minusInfinity'>): Scalars<string> =>
    withSubstitutes(options, ['zero', 'infinity', 'minusInfinity'], () => ({ kind: 'date' })),
  /** A time of day, `HH:MM:SS.ffffff`, with `precision` (0…6) digits. Default: 6, of which the columns may keep fewer. */
  time: (options?: Precision): Scalars<string> =>
    withOptions(options, ['precision'], ({ precision }) => ({ kind: 'time', precision: precision ?? null })),
  /**
   * An instant in UTC, `YYYY-MM-DDTHH:MM:SS.ffffffZ`, with `precision` (0…6) digits. Default: 6, of which the columns may keep
   * fewer: a value that is finer than one of them is refused, never rounded.
   */
  timestamp: (
    options?: Precision & SubstituteOptions<'zero' | 'infinity' | 'minusInfinity'>,
  ): Scalars<string> =>
    withSubstitutes(options, ['precision', 'zero', 'infinity', 'minusInfinity'], ({ precision }) => ({
      kind: 'timestamp',
      precision: precision ?? null,
    })),
  /** A span of time, `[-]HH:MM:SS.ffffff`, which may be longer than a day: MySQL's TIME, PostgreSQL's interval. */
  duration: (options?: Precision): Scalars<string> =>
    withOptions(options, ['precision'], ({ precision }) => ({
      kind: 'duration',
      precision: precision ?? null,
    })),
  /** Exactly `length` bits, as a string of 0 and 1. */
  bits: (options: { length: number }): Scalars<string> =>
    withOptions(options, ['length'], ({ length }) => ({ kind: 'bits', length: length ?? Number.NaN })),
  /** Distinct labels, sorted: MySQL's SET, a list or JSON elsewhere. */
  set: (): Scalars<readonly string[]> => scalarField({ kind: 'set' }),
  uuid: (): Scalars<string> => scalarField({ kind: 'uuid' }),
  bytes: (): Scalars<Uint8Array> => scalarField({ kind: 'bytes' }),
  /** Any value that JSON can hold, compared as a value. */
  json: (): Scalars<unknown> => scalarField({ kind: 'json' }),
  record: <F extends Nested>(fields: F): RecordField & Accepts<RecordOf<F>, keyof F & string> => ({
    form: 'record',
    fields,
    shared: null,
  }),
  /** A record that other entities hold too (the customer of an order); `identity` names its key members. */
  shared: <const I extends string, F extends Nested = Record<never, never>>(options: {
    name: string;
    identity: readonly I[];
    fields?: F;
  }): RecordField & Accepts<With<F, I>, (keyof F & string) | I> => {
    assertOptions('field.shared', options, ['name', 'identity', 'fields']);
    const { name, identity, fields } = options;
    throwFaults([
      ...unless(typeof name === 'string' && name !== '', 'field.shared.name', 'must be a text'),
      ...unless(isTexts(identity), 'field.shared.identity', 'must be a list of members'),
    ]);
    return { form: 'record', fields: fields ?? {}, shared: { name, identity } };
  },
  /** Records owned by the entity; `by` names the members that tell them apart. */
  list: <const B extends string, F extends Nested = Record<never, never>>(options: {
    by: readonly B[];
    fields?: F;
  }): ListField & Accepts<readonly With<F, B>[], (keyof F & string) | B> => {
    assertOptions('field.list', options, ['by', 'fields']);
    const { by, fields } = options;
    throwFaults(unless(isTexts(by), 'field.list.by', 'must be a list of members'));
    return { form: 'list', fields: fields ?? {}, by };
  },
};

interface Precision {
  /** Digits after the second, 0…6. */
  precision?: number;
}

/** An entity as its canonical image. Throws `InvalidEntity` with the path, never with the value. */
export function imageOf(fields: AnyFields, entity: unknown, path: string): Image {
  if (entity === null || typeof entity !== 'object' || Array.isArray(entity)) {
    throw invalid(path, `expected an object, got ${typeName(entity)}`);
  }
  const given = entity as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(fields, name) && given[name] !== undefined) {
      throw undeclared(fields, path);
    }
  }
  const image: Record<string, Canonical> = {};
  for (const [name, declared] of entriesOf(fields)) {
    image[name] = canonicalOf(declared, memberOf(given, name), path, name);
  }
  return image;
}

const entries = new WeakMap<AnyFields, readonly (readonly [string, Field])[]>();

/** A backfill asks for them with every row. */
function entriesOf(fields: AnyFields): readonly (readonly [string, Field])[] {
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
    const declared = memberOf(fields, name);
    if (!declared) throw undeclared(fields, path);
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

function canonicalOf(declared: Field, value: unknown, path: string, name: string): Canonical {
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

function listOf(declared: ListField, value: unknown, path: string): Canonical {
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

function programValue(declared: Field, canonical: Canonical): unknown {
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

function ownValue(declared: Field, value: Canonical): Canonical {
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

/** Whether the columns say how fine times are kept, anywhere in an image. */
export function leavesPrecision(fields: AnyFields): boolean {
  const known = leaving.get(fields);
  if (known !== undefined) return known;
  const found = Object.values(fields).some((declared) =>
    declared.form === 'scalar'
      ? 'precision' in declared.scalar && declared.scalar.precision === null
      : leavesPrecision(declared.fields),
  );
  leaving.set(fields, found);
  return found;
}

/** Every write asks. */
const leaving = new WeakMap<AnyFields, boolean>();

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
  const visit = (declared: Field, value: Canonical): void => {
    if (declared.form === 'list' && isList(value)) {
      for (const item of value) if (isRecord(item)) visitAll(declared.fields, item);
    } else if (declared.form === 'record' && isRecord(value)) {
      if (declared.shared) {
        const key = declared.shared.identity.map((name) => String(value[name] ?? ''));
        found.set(recordIdentity(declared.shared.name, key), {
          name: declared.shared.name,
          key,
          // What it shares itself is a record of its own.
          record: ownImage(declared.fields, value),
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

/** The name of a property that is not declared is the caller's, as a value is. */
function undeclared(fields: AnyFields, path: string): LockstepError {
  const declared = Object.keys(fields).join(', ');
  return invalid(
    path,
    `has a property that is not among the declared fields (${declared}); declare it or leave it out`,
  );
}

function invalid(path: string, why: string): LockstepError {
  return new LockstepError('InvalidEntity', `${path}: ${why}`, { path });
}
