import { definitionDigest } from '../../model/definition.ts';
import type { Entity } from '../../model/entity.ts';
import type { LockstepError } from '../../model/failure.ts';
import { isObject } from '../../model/is-object.ts';
import type { Migration } from '../../model/migration.ts';
import type { Policy } from '../../model/policy.ts';
import { controlRowFault, invalidControlRow, parsedOrUndefined } from '../contract/control-row.ts';
import type { PreparedDefinition } from '../contract/definition.ts';
import type { Engine } from '../engine/engine.ts';
import type { Session } from '../engine/session.ts';

type At = Pick<Engine, 'dialect'>;

/** The newest revision of a migration; null where it was never prepared here. */
export async function preparedDefinition(
  { dialect }: At,
  session: Session,
  migration: string,
): Promise<PreparedDefinition | null> {
  const [row] = await session.query(
    `SELECT revision, entities, tables, policy FROM ${dialect.control('definitions')}
     WHERE migration = ? ORDER BY revision DESC LIMIT 1`,
    [migration],
  );
  if (!row) return null;
  return {
    revision: Number(row.revision),
    entities: entitiesIn(row.entities),
    tables: tablesIn(row.tables),
    policy: objectIn(row.policy, 'policy') as Policy,
  };
}

/** The newest revision that had these definitions; null where the store never had them. */
export async function revisionOf(
  { dialect }: At,
  session: Session,
  migration: string,
  entities: readonly Entity[],
): Promise<number | null> {
  const rows = await session.query(
    `SELECT revision, entities FROM ${dialect.control('definitions')} WHERE migration = ? ORDER BY revision DESC`,
    [migration],
  );
  // An old revision that nobody can read is none that anybody has.
  const found = rows.find(
    (row) =>
      isObject(parsedOrUndefined(row.entities ?? '{}')) && definesAlike(entitiesIn(row.entities), entities),
  );
  return found ? Number(found.revision) : null;
}

/** Entities that a migration had and has no more; one that another migration has meanwhile is that one's. */
export async function leftEntities(
  { dialect }: At,
  session: Session,
  { name, entities }: Pick<Migration, 'name' | 'entities'>,
): Promise<string[]> {
  const rows = await session.query(
    `SELECT migration, entities FROM ${dialect.control('definitions')} ORDER BY migration, revision`,
  );
  const had = new Set<string>();
  const newest = new Map<string, string[]>();
  for (const row of rows) {
    // What nobody can read is told elsewhere.
    const found = parsedOrUndefined(row.entities ?? '{}');
    const names = isObject(found) ? Object.keys(found) : [];
    if (row.migration === name) for (const one of names) had.add(one);
    else newest.set(row.migration ?? '', names);
  }
  const kept = new Set([...entities.map((entity) => entity.name), ...[...newest.values()].flat()]);
  return [...had].filter((one) => !kept.has(one)).sort();
}

/** Whether they are the same entities with the same definitions. */
export function definesAlike(prepared: PreparedDefinition['entities'], entities: readonly Entity[]): boolean {
  return (
    Object.keys(prepared).length === entities.length &&
    entities.every((entity) => prepared[entity.name]?.digest === definitionDigest(entity))
  );
}

/** What of a migration comes, goes or is changed, in words; null where nothing is. */
export function definitionChange(
  prepared: PreparedDefinition['entities'],
  entities: readonly Entity[],
): string | null {
  const names = entities.map(({ name }) => name);
  const added = names.filter((name) => prepared[name] === undefined);
  const removed = Object.keys(prepared).filter((name) => !names.includes(name));
  const changed = entities
    .filter((entity) => prepared[entity.name] && prepared[entity.name]?.digest !== definitionDigest(entity))
    .map(({ name }) => name);
  const parts = Object.entries({ added, removed, changed }).filter(([, list]) => list.length > 0);
  return parts.length === 0 ? null : parts.map(([what, list]) => `${list.join(', ')} ${what}`).join('; ');
}

/** As the column of that name has it. */
export function entitiesIn(text: string | null | undefined): PreparedDefinition['entities'] {
  return objectIn(text, 'entities') as PreparedDefinition['entities'];
}

function tablesIn(text: string | null | undefined): readonly string[] {
  const tables = parsedOrUndefined(text ?? '[]');
  if (Array.isArray(tables) && tables.every((name) => typeof name === 'string')) return tables;
  throw unreadable('tables');
}

function objectIn(text: string | null | undefined, column: string): object {
  const found = parsedOrUndefined(text ?? '{}');
  if (isObject(found)) return found;
  throw unreadable(column);
}

function unreadable(column: string): LockstepError {
  const fault = controlRowFault('definitions', `its column ${column} is none; run lockstep prepare`);
  return invalidControlRow(fault);
}
