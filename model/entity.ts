import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Image, Key } from './canonical.ts';
import type { Fault } from './definition-fault.ts';
import { assertEntityForm, fieldsOf, shapeFaults } from './entity-faults.ts';
import { LockstepError, type StoreName } from './failure.ts';
import { type AnyFields, type Field, type FieldFor, imageOf } from './field.ts';
import { memberOf } from './member.ts';
import { typeName } from './scalar.ts';
import type { Shape, ShapeOf } from './shape.ts';

export const patterns = ['primary-secondary', 'parallel', 'flag-controlled', 'transactional'] as const;
export type Pattern = (typeof patterns)[number];
/** One call at the primary decides these writes: they share calls with others, and may enter by the journal. */
export const plainPatterns: readonly Pattern[] = ['primary-secondary', 'flag-controlled'];

export const acks = ['primary', 'both', 'recorded'] as const;
/** When a caller is answered: the primary has committed, both stores have, or the intent is durable. */
export type Ack = (typeof acks)[number];

export const entries = ['workflow', 'journal'] as const;
/**
 * Where a write enters. `workflow`: Temporal has it first, and a worker carries it out. `journal`: the service itself writes data and
 * pending operation in one transaction of the primary, and a worker brings the other store along behind it.
 */
export type Entry = (typeof entries)[number];

/**
 * One kind of record, with its schema, key, fields and a shape for each store. `E` is what programs see, `K` the name of the
 * key's field, or a list of names.
 */
export interface Entity<
  out E = unknown,
  out K = unknown,
  out P extends Pattern = Pattern,
  out A extends Ack = Ack,
> {
  readonly name: string;
  readonly schema: StandardSchemaV1<unknown, E>;
  readonly fields: AnyFields;
  readonly key: readonly string[];
  readonly shapes: Readonly<Record<StoreName, Shape>>;
  readonly pattern: P;
  readonly ack: A;
  readonly entry: Entry;
  /** What is wrong with the declaration; `defineMigration` throws it, together with all else that is wrong. */
  readonly faults: readonly Fault[];
  /** Carries the type only. */
  readonly keyed?: K;
}

type Schema = StandardSchemaV1<unknown, object>;
type ValueOf<S extends Schema> = StandardSchemaV1.InferOutput<S>;

/** One field, or several in their order. */
type KeyNames<E> = (keyof E & string) | readonly (keyof E & string)[];

type Named<E> = { readonly [P in keyof E]?: FieldFor<NonNullable<E[P]>> };

/** What no JSON Schema describes: these properties are always named. */
type Undescribed<E> = {
  [P in keyof E]-?: NonNullable<E[P]> extends bigint | Uint8Array | readonly unknown[] ? P : never;
}[keyof E];

/** Every property where the schema's library gives no JSON Schema, else those that it has no words for. */
type Fields<S extends Schema> = S extends { readonly '~standard': { readonly jsonSchema: unknown } }
  ? [Undescribed<ValueOf<S>>] extends [never]
    ? { readonly fields?: Named<ValueOf<S>> }
    : {
        readonly fields: Named<ValueOf<S>> & Required<Pick<Named<ValueOf<S>>, Undescribed<ValueOf<S>>>>;
      }
  : { readonly fields: Required<Named<ValueOf<S>>> };

type DefaultAck<P extends Pattern> = P extends 'parallel' | 'transactional' ? 'both' : 'primary';

export type EntityOptions<
  S extends Schema,
  K extends KeyNames<ValueOf<S>>,
  P extends Pattern,
  A extends Ack,
> = Fields<S> & {
  /** Lower-case letters, digits and underscores, at most 40: it becomes part of names in both databases. */
  readonly name: string;
  /** Any Standard Schema (zod, valibot, arktype …). Validation happens before anything starts. */
  readonly schema: S;
  /** The field that tells records apart, or a list of them. */
  readonly key: K;
  /** How it lies in the legacy store: `table(…)`, or `rows({ … })`. */
  readonly legacy: ShapeOf<ValueOf<S>>;
  /** How it lies in the modern store. */
  readonly modern: ShapeOf<ValueOf<S>>;
  /** How a write is carried out. @default 'primary-secondary' */
  readonly pattern?: P;
  /** When a caller is answered. @default 'primary'; 'both' for the patterns parallel and transactional */
  readonly ack?: A;
  /**
   * Where a write enters: Temporal, or the primary's journal. With 'journal', Temporal is not needed for the answer, which comes at the
   * primary's commit; for the patterns primary-secondary and flag-controlled, with ack 'primary'. @default 'workflow'
   */
  readonly entry?: Entry;
};

/**
 * Declares an entity. Its type comes from the schema. A field comes from the schema as well, where its library gives a JSON
 * Schema: strings are text, or uuid, date and timestamp by their format; integers, numbers and booleans are what they are; objects
 * are records. `fields` names what the schema cannot say. What is wrong is thrown by `defineMigration`.
 *
 * @throws LockstepError `InvalidDefinition` where it is no declaration of an entity: an option that there is none, or no schema, key or shape.
 * @example
 * const account = entity({
 *   name: 'account',
 *   schema: z.strictObject({ id: z.uuid(), email: z.email(), plan: z.enum(['free', 'pro']), balance: z.string() }),
 *   key: 'id',
 *   fields: { balance: field.decimal({ scale: 2 }) },
 *   legacy: table('accounts', { email: 'email_address' }),
 *   modern: table('app.accounts'),
 * });
 */
export function entity<
  S extends Schema,
  const K extends KeyNames<ValueOf<S>>,
  const P extends Pattern = 'primary-secondary',
  const A extends Ack = DefaultAck<P>,
>(options: EntityOptions<S, K, P, A>): Entity<ValueOf<S>, K, P, A> {
  assertEntityForm(options);
  const { name, schema, legacy, modern } = options;
  const pattern = options.pattern ?? 'primary-secondary';
  const ack = options.ack ?? (pattern === 'parallel' || pattern === 'transactional' ? 'both' : 'primary');
  const entry = options.entry ?? 'workflow';
  const key: readonly string[] = typeof options.key === 'string' ? [options.key] : [...options.key];
  const { fields, faults } = fieldsOf({ name, schema, declared: { ...options.fields }, key });
  for (const [store, shape] of Object.entries({ legacy, modern })) {
    faults.push(...shapeFaults({ path: `${name}.${store}`, shape, fields, key }));
  }
  if (!/^[a-z][a-z0-9_]{0,39}$/.test(name)) {
    faults.unshift({
      path: `entity "${name}"`,
      reason: 'the name must match [a-z][a-z0-9_]*, at most 40 characters',
    });
  }
  if (!isOneOf(patterns, pattern)) {
    faults.push({ path: `${name}.pattern`, reason: `"${pattern}" is none of ${patterns.join(', ')}` });
  }
  if (!isOneOf(acks, ack)) {
    faults.push({ path: `${name}.ack`, reason: `"${ack}" is none of ${acks.join(', ')}` });
  }
  if (!isOneOf(entries, entry)) {
    faults.push({ path: `${name}.entry`, reason: `"${entry}" is none of ${entries.join(', ')}` });
  } else if (entry === 'journal' && !plainPatterns.includes(pattern)) {
    faults.push({
      path: `${name}.entry`,
      reason: `"journal" cannot be with the pattern ${pattern}, which decides in both stores; take ${plainPatterns.join(' or ')}, or leave entry out`,
    });
  } else if (entry === 'journal' && ack !== 'primary') {
    faults.push({
      path: `${name}.entry`,
      reason: `"journal" answers at the primary's commit, and ack is ${ack}; leave ack out, and give it with the writes that are to wait for more`,
    });
  }
  return {
    name,
    schema,
    fields,
    key,
    shapes: { legacy, modern },
    // Where none is given, the types' defaults are the very values above.
    pattern: pattern as P,
    ack: ack as A,
    entry,
    faults,
  };
}

function isOneOf(known: readonly string[], value: string): boolean {
  return known.includes(value);
}

/** Validates with the schema, then gives the canonical image. Throws `InvalidEntity` with path and type, never the value. */
export async function validImage<E>(declared: Entity<E>, value: unknown): Promise<Image> {
  const result = await declared.schema['~standard'].validate(value);
  if (result.issues) {
    const found = result.issues.map((issue) => ({
      path: pathOf(declared, issue),
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

/** As far as it is declared: further names, such as those within JSON, are the caller's. */
function pathOf({ name, fields }: Entity, issue: StandardSchemaV1.Issue): string {
  let path = name;
  let at: AnyFields | null = fields;
  for (const part of issue.path ?? []) {
    const key = typeof part === 'object' ? part.key : part;
    if (typeof key === 'number') {
      path += `.${key}`;
      continue;
    }
    const declared: Field | undefined = at ? memberOf(at, String(key)) : undefined;
    if (!declared) break;
    path += `.${String(key)}`;
    at = declared.form === 'scalar' ? null : declared.fields;
  }
  return path;
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
