import type * as v from 'valibot';

/** What a schema of an input takes, as JSON Schema. What only code can check is told in words. */
export type JsonSchema = { readonly [member: string]: unknown };

interface Node {
  readonly type: string;
  readonly pipe?: readonly (Node & { readonly requirement?: unknown; readonly message?: unknown })[];
  readonly entries?: Readonly<Record<string, Node>>;
  readonly wrapped?: Node;
  readonly item?: Node;
  readonly value?: Node;
  readonly literal?: unknown;
  readonly options?: readonly unknown[];
  readonly message?: unknown;
}

export function jsonSchemaOf(schema: v.GenericSchema): JsonSchema {
  return ofNode(schema as unknown as Node);
}

/** Whether a member may be left out. */
function isOptional({ type }: Node): boolean {
  return type === 'optional' || type === 'exact_optional';
}

function ofNode(node: Node): JsonSchema {
  const [, ...actions] = node.pipe ?? [];
  let known = ofType(node);
  for (const action of actions) known = { ...known, ...ofAction(action, known) };
  return known;
}

function ofType(node: Node): JsonSchema {
  const { type, wrapped, item, value, options = [] } = node;
  switch (type) {
    case 'object':
    case 'strict_object': {
      const entries = Object.entries(node.entries ?? {});
      return {
        type: 'object',
        properties: Object.fromEntries(entries.map(([name, entry]) => [name, ofNode(entry)])),
        required: entries.flatMap(([name, entry]) => (isOptional(entry) ? [] : [name])),
        ...(type === 'strict_object' ? { additionalProperties: false } : {}),
      };
    }
    case 'string':
    case 'number':
    case 'boolean':
      return { type };
    case 'nullable':
      return { anyOf: [ofNode(inside(wrapped)), { type: 'null' }] };
    case 'optional':
    case 'exact_optional':
      return ofNode(inside(wrapped));
    case 'array':
      return { type: 'array', items: ofNode(inside(item)) };
    case 'record':
      return { type: 'object', additionalProperties: ofNode(inside(value)) };
    case 'picklist':
      return { enum: options };
    case 'literal':
      return { const: node.literal };
    case 'union':
      return { anyOf: options.map((option) => ofNode(option as Node)) };
    case 'variant':
      return { oneOf: options.map((option) => ofNode(option as Node)) };
    case 'custom':
      return typeof node.message === 'string' ? { description: node.message.replace(/^is no /, '') } : {};
    case 'unknown':
      return {};
    default:
      throw new TypeError(`a schema of type ${type} has no JSON Schema here`);
  }
}

function ofAction(
  { type, requirement, message }: Node & { readonly requirement?: unknown },
  { type: of, description }: JsonSchema,
): JsonSchema {
  switch (type) {
    case 'regex':
      return { pattern: (requirement as RegExp).source };
    case 'max_length':
      return { [of === 'array' ? 'maxItems' : 'maxLength']: requirement };
    case 'min_length':
      return { [of === 'array' ? 'minItems' : 'minLength']: requirement };
    case 'min_value':
      return { minimum: requirement };
    case 'max_value':
      return { maximum: requirement };
    case 'values':
      return { enum: requirement };
    case 'safe_integer':
      return { type: 'integer' };
    case 'finite':
      return {};
    case 'check': {
      const told = `not one that ${String(message)}`;
      return { description: typeof description === 'string' ? `${description}; ${told}` : told };
    }
    default:
      throw new TypeError(`an action of type ${type} has no JSON Schema here`);
  }
}

function inside(node: Node | undefined): Node {
  if (node) return node;
  throw new TypeError('a schema that wraps another has none');
}
