import type { Fault } from './definition-fault.ts';
import type { AnyFields, Field } from './field.ts';
import { memberOf } from './member.ts';
import type { Scalar } from './scalar.ts';

/** A node of a JSON Schema (draft 2020-12), as far as fields are taken from it. */
type Node = Readonly<Record<string, unknown>>;

/** What a schema says about the members of an object. */
export interface Described {
  readonly root: Node;
  readonly properties: ReadonlyMap<string, Node>;
  /** Whether an object may have other members as well. */
  readonly open: boolean;
  /** The properties of the objects around it: what is inside itself has no end. */
  readonly within: readonly object[];
}

/** Null where the schema's library gives no JSON Schema, or one that is not of an object. */
export function describedBy(schema: object): Described | null {
  const root = jsonSchemaOf(schema);
  return root && membersOf({ root, node: root, within: [] });
}

/** The JSON Schema of what validation gives; null where the library has none, or cannot write it. */
function jsonSchemaOf(schema: object): Node | null {
  const standard: unknown = Reflect.get(schema, '~standard');
  const converter = isNode(standard) ? standard.jsonSchema : null;
  const output = isNode(converter) ? converter.output : null;
  if (typeof output !== 'function') return null;
  try {
    // Zod leaves open what JSON Schema has no word for, instead of refusing the whole.
    const given: unknown = output({
      target: 'draft-2020-12',
      libraryOptions: { unrepresentable: 'any' },
    });
    return isNode(given) ? given : null;
  } catch {
    return null;
  }
}

/**
 * All fields of a record: those that are declared, completed by those that the schema describes. What is neither is noted
 * as a fault.
 */
export function completeFields(
  declared: AnyFields,
  described: Described | null,
  path: string,
  faults: Fault[],
): AnyFields {
  if (!described) {
    return mapFields(declared, (field, name) => completed(field, null, `${path}.${name}`, faults));
  }
  const { root, properties, open, within } = described;
  const fields: Record<string, Field> = {};
  for (const [name, node] of properties) {
    const at = `${path}.${name}`;
    const given = memberOf(declared, name);
    const found = given
      ? completed(given, { root, node, within }, at, faults)
      : derived({ root, node, within }, at, faults);
    if (found) fields[name] = found;
  }
  for (const [name, given] of Object.entries(declared)) {
    if (properties.has(name)) continue;
    if (!open)
      faults.push({
        path: `${path}.${name}`,
        reason: `the schema has no property "${name}"; ${known(properties)}`,
      });
    fields[name] = completed(given, null, `${path}.${name}`, faults);
  }
  return fields;
}

interface EngineRole {
  readonly root: Node;
  readonly node: Node;
  readonly within: Described['within'];
}

/** A declared field with the members of its records. */
function completed(field: Field, place: EngineRole | null, path: string, faults: Fault[]): Field {
  if (field.form === 'scalar') return field;
  const node = place && (field.form === 'list' ? itemOf(place) : plainNode(place));
  const members = place && node ? membersOf({ ...place, node }) : null;
  return { ...field, fields: completeFields(field.fields, members, path, faults) };
}

function derived(place: EngineRole, path: string, faults: Fault[]): Field | null {
  const node = plainNode(place);
  const scalar = node && scalarOf(node);
  if (scalar) return { form: 'scalar', scalar };
  const members = node && membersOf({ ...place, node });
  if (members) return { form: 'record', shared: null, fields: completeFields({}, members, path, faults) };
  const remedy =
    node?.type === 'array'
      ? 'it is a list: name it in `fields`, as field.list({ by: [ … ] }), field.set() or field.json()'
      : 'the schema does not say how it is kept: name it in `fields`, such as field.bigint(), field.bytes() or field.json()';
  faults.push({ path, reason: remedy });
  return null;
}

/** By the type, and where there is none by the values that are listed. */
function scalarOf(node: Node): Scalar | null {
  switch (node.type ?? typeOfValues(node)) {
    case 'string':
      return textScalar(node.format);
    case 'integer':
      return { kind: 'integer' };
    case 'number':
      return { kind: 'float' };
    case 'boolean':
      return { kind: 'boolean' };
    default:
      return null;
  }
}

function textScalar(format: unknown): Scalar {
  switch (format) {
    case 'uuid':
      return { kind: 'uuid' };
    case 'date':
      return { kind: 'date' };
    case 'date-time':
      return { kind: 'timestamp', precision: null };
    default:
      return { kind: 'text' };
  }
}

function typeOfValues(node: Node): unknown {
  const values: readonly unknown[] =
    'const' in node ? [node.const] : Array.isArray(node.enum) ? node.enum : [];
  const types = new Set(values.filter((value) => value !== null).map((value) => typeof value));
  const [type] = types;
  return types.size === 1 ? type : null;
}

function itemOf(place: EngineRole): Node | null {
  const list = plainNode(place);
  return list && isNode(list.items) ? plainNode({ ...place, node: list.items }) : null;
}

/** The node without null and behind its references; null where several kinds of value are possible. */
function plainNode(place: Pick<EngineRole, 'root' | 'node'>): Node | null {
  const { root, node } = place;
  const target = followed(root, node, 0);
  if (!target) return null;
  const { type } = target;
  if (Array.isArray(type)) {
    const [only, ...others] = type.filter((name) => name !== 'null');
    return others.length === 0 ? { ...target, type: only } : null;
  }
  const choices = target.anyOf ?? target.oneOf;
  if (!Array.isArray(choices)) return target;
  const values = choices.flatMap((choice: unknown) => {
    const found = isNode(choice) ? plainNode({ root, node: choice }) : null;
    return found?.type === 'null' || found?.const === null ? [] : [found];
  });
  const [first, ...rest] = values;
  if (!first) return null;
  const kind = scalarOf(first)?.kind;
  const alike = rest.length === 0 || (kind && rest.every((value) => value && scalarOf(value)?.kind === kind));
  return alike ? first : null;
}

/** A definition may point to another; one that comes back to itself has no end. */
function followed(root: Node, node: Node, steps: number): Node | null {
  const { $ref: reference } = node;
  if (typeof reference !== 'string') return node;
  if (steps > 10 || !reference.startsWith('#/')) return null;
  let at: unknown = root;
  for (const part of reference.slice(2).split('/')) {
    at = isNode(at) ? memberOf(at, part.replaceAll('~1', '/').replaceAll('~0', '~')) : null;
  }
  return isNode(at) ? followed(root, at, steps + 1) : null;
}

function membersOf({ root, node, within }: EngineRole): Described | null {
  const target = plainNode({ root, node });
  if (target?.type !== 'object' || !isNode(target.properties)) return null;
  const given = target.properties;
  if (within.includes(given)) return null;
  const properties = new Map<string, Node>();
  for (const [name, member] of Object.entries(given)) properties.set(name, isNode(member) ? member : {});
  const { additionalProperties } = target;
  const open = additionalProperties !== undefined && additionalProperties !== false;
  return { root, properties, open, within: [...within, given] };
}

function mapFields(fields: AnyFields, change: (field: Field, name: string) => Field): AnyFields {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, change(field, name)]));
}

function known(properties: ReadonlyMap<string, Node>): string {
  return `it has ${[...properties.keys()].join(', ')}`;
}

function isNode(value: unknown): value is Node {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
