import type { OpenMigration } from '../../databases/contract/current-state.ts';
import { type Image, isSameValue, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { ownImage } from '../../model/field.ts';
import type { WriteRoute } from '../../model/operation.ts';
import { otherStore } from '../../model/phase.ts';

/** The fields in which two images of a record differ, shared records counted by their identity only. */
export function differingFields(entity: Entity, left: Image, right: Image): string[] {
  const own = [ownImage(entity.fields, left), ownImage(entity.fields, right)] as const;
  return [...new Set(own.flatMap(Object.keys))].filter(
    (name) => !isSameValue(own[0][name] ?? null, own[1][name] ?? null),
  );
}

/** Keys whose write the journals name as open: they are late, parked or not decided yet, not lost. */
export async function pendingKeys(
  context: OpenMigration,
  entity: Entity,
  route: WriteRoute,
): Promise<Set<string>> {
  const { name: migration } = context.migration;
  const other = context.stores[otherStore(route.primary)];
  const [owed, tentative] = await Promise.all([
    context.stores[route.primary].journal({ migration, statuses: ['pending', 'parked'], limit: 10_000 }),
    entity.pattern === 'parallel'
      ? other.journal({ migration, statuses: ['tentative', 'parked'], limit: 10_000 })
      : [],
  ]);
  const entries = [...owed, ...tentative];
  return new Set(entries.filter((entry) => entry.entity === entity.name).map((entry) => keyText(entry.key)));
}
