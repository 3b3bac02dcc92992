import type { Entity } from './entity.ts';
import { acks } from './entity.ts';
import type { AnyFields, Field } from './field.ts';
import { inputVersions } from './inputs/input-version.ts';
import type { Migration } from './migration.ts';
import { operationIdPattern } from './operation.ts';
import type { Scalar } from './scalar.ts';

/** JSON Schema (2020-12), as far as it is used here. */
export type JsonSchema = { readonly [name: string]: unknown };

/**
 * JSON Schema of what the workflow `save` takes for this migration: one branch for each entity and kind of write. It has the form of
 * values, by the declared fields; what the entity's own schema asks of them besides is checked in the worker.
 */
export function saveSchema({ name, entities }: Pick<Migration, 'name' | 'entities'>): JsonSchema {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: `What the workflow save of ${name} takes`,
    oneOf: entities.flatMap((entity) => {
      const whole = recordSchema(entity.fields, entity.key);
      const key = keySchema(entity);
      const patch = recordSchema(without(entity.fields, entity.key), []);
      return [
        branch(entity, { enum: ['create', 'replace'] }, { value: whole }),
        branch(entity, { const: 'update' }, { key, patch }),
        branch(entity, { const: 'delete' }, { key }),
      ];
    }),
  };
}

function branch(
  { name }: Entity,
  kind: JsonSchema,
  content: Readonly<Record<string, JsonSchema>>,
): JsonSchema {
  return {
    type: 'object',
    properties: {
      entity: { const: name },
      kind,
      ...content,
      operationId: { type: 'string', pattern: operationIdPattern.source },
      ack: { enum: acks },
      ifUnchangedSince: { type: 'string' },
      dualWrite: { type: 'boolean' },
      inputVersion: { enum: inputVersions },
    },
    required: ['entity', 'kind', ...Object.keys(content), 'operationId'],
    additionalProperties: false,
  };
}

function keySchema({ key, fields }: Entity): JsonSchema {
  const [only, ...others] = key;
  const declared = only === undefined ? undefined : fields[only];
  if (declared !== undefined && others.length === 0) return fieldSchema(declared);
  return recordSchema(Object.fromEntries(Object.entries(fields).filter(([name]) => key.includes(name))), key);
}

function without(fields: AnyFields, names: readonly string[]): AnyFields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

/** A field that is left out is null, but for a key. */
function recordSchema(fields: AnyFields, required: readonly string[]): JsonSchema {
  return {
    type: 'object',
    properties: Object.fromEntries(
      Object.entries(fields).map(([name, declared]) => [
        name,
        required.includes(name)
          ? fieldSchema(declared)
          : { anyOf: [fieldSchema(declared), { type: 'null' }] },
      ]),
    ),
    required,
    additionalProperties: false,
  };
}

function fieldSchema(declared: Field): JsonSchema {
  switch (declared.form) {
    case 'scalar':
      return scalarSchema(declared.scalar);
    case 'record':
      return recordSchema(declared.fields, declared.shared?.identity ?? []);
    case 'list':
      return { type: 'array', items: recordSchema(declared.fields, declared.by) };
  }
}

function scalarSchema(scalar: Scalar): JsonSchema {
  switch (scalar.kind) {
    case 'boolean':
      return { type: 'boolean' };
    case 'integer':
      return { type: 'integer' };
    case 'bigint':
      return { type: ['integer', 'string'], pattern: '^-?[0-9]+$' };
    case 'float':
      return { type: 'number' };
    case 'set':
      return { type: 'array', items: { type: 'string' }, uniqueItems: true };
    case 'bytes':
      return { type: 'string', contentEncoding: 'base64' };
    case 'uuid':
      return { type: 'string', format: 'uuid' };
    case 'date':
      return { type: 'string', format: 'date' };
    case 'timestamp':
      return { type: 'string', format: 'date-time' };
    case 'bits':
      return { type: 'string', pattern: '^[01]+$', minLength: scalar.length, maxLength: scalar.length };
    case 'json':
      return {};
    default:
      return { type: 'string' };
  }
}
