import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import { searchAttributes } from '../../workflows/messages.ts';

const migrationKey = defineSearchAttributeKey(searchAttributes.migration, 'KEYWORD');
const entityKey = defineSearchAttributeKey(searchAttributes.entity, 'KEYWORD');

/** What a workflow can be found by in Temporal; an entity where it is about one. */
export function searchAttributesOf(migration: string, entity?: string): TypedSearchAttributes {
  const ofMigration = { key: migrationKey, value: migration };
  if (entity === undefined) return new TypedSearchAttributes([ofMigration]);
  return new TypedSearchAttributes([ofMigration, { key: entityKey, value: entity }]);
}
