import type { OpenMigration } from '../../databases/contract/current-state.ts';
import { canonicalText, type Image, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { ownImage } from '../../model/field.ts';
import type { WriteRoute } from '../../model/operation.ts';

/** The fields in which two images of a record differ, shared records counted by their identity only. */
export function differingFields(entity: Entity, left: Image, right: Image): string[] {
  const own = [ownImage(entity.fields, left), ownImage(entity.fields, right)] as const;
  return [...new Set(own.flatMap(Object.keys))].filter(
    (name) => canonicalText(own[0][name] ?? null) !== canonicalText(own[1][name] ?? null),
  );
}

/** Keys whose write the journal names as owed: they are late or parked, not lost. */
export async function pendingKeys(
  context: OpenMigration,
  entity: Entity,
  route: WriteRoute,
): Promise<Set<string>> {
  const entries = await context.stores[route.primary].journal({
    migration: context.migration.name,
    statuses: ['pending', 'parked'],
    limit: 10_000,
  });
  return new Set(entries.filter((entry) => entry.entity === entity.name).map((entry) => keyText(entry.key)));
}
