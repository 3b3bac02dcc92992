import type { Mark } from '../../databases/contract/capture.ts';
import { currentState } from '../../databases/contract/current-state.ts';
import { type Key, keyText } from '../../model/canonical.ts';
import { digestOf } from '../../model/digest.ts';
import type { Entity } from '../../model/entity.ts';
import { ownImage } from '../../model/field.ts';
import { entityNamed } from '../../model/migration.ts';
import { routeOf, type WriteRoute } from '../../model/operation.ts';
import { createVersionBumper } from '../comparison/bump-version.ts';
import { createKeyRepair, routeChanged } from '../comparison/repair-keys.ts';
import type { ActivityContext } from '../context.ts';
import { withHeartbeat } from '../heartbeat.ts';

export interface CapturedBatch {
  /** Marks that were dealt with. */
  readonly marks: number;
  /** Keys that the secondary refused, or that cannot be read; they are among the differences. */
  readonly refused: number;
  readonly done: boolean;
}

const marksPerBatch = 500;

/** Replicates what other sessions wrote to the primary. */
export function createCaptureActivities(context: ActivityContext) {
  const { migration, stores } = context;
  const { repair } = createKeyRepair(context);
  const { bumpAtPrimary } = createVersionBumper(context);

  /**
   * The rows are read after their marks, and a mark is deleted after its key is dealt with: no write is lost between.
   */
  async function replicateCaptured(): Promise<CapturedBatch> {
    const state = await currentState(context);
    if (!state.open) throw routeChanged(migration.name);
    const route = routeOf(state);
    return await withHeartbeat(async () => {
      const marks = await stores[route.primary].captured(marksPerBatch);
      let refused = 0;
      for (const [name, keys] of byEntity(marks)) {
        const known = migration.entities.some((entity) => entity.name === name);
        if (known) refused += await replicateKeys(entityNamed(migration, name), keys, route);
      }
      await stores[route.primary].deleteCaptured(marks.map((mark) => mark.id));
      return { marks: marks.length, refused, done: marks.length < marksPerBatch };
    });
  }

  async function replicateKeys(entity: Entity, keys: readonly Key[], route: WriteRoute): Promise<number> {
    const { secondary } = route;
    if (secondary === null) {
      await bumpChanged(entity, keys, route);
      return 0;
    }
    const open = await repair(entity, keys, { ...route, secondary }, null);
    return open.length;
  }

  /** While there is no secondary: a new version, so that a later one is given what is there now. */
  async function bumpChanged(entity: Entity, keys: readonly Key[], route: WriteRoute): Promise<void> {
    for (const stored of await stores[route.primary].read(entity, keys)) {
      if (stored.unreadable !== null) continue;
      const digest = stored.image ? digestOf(ownImage(entity.fields, stored.image)) : null;
      if (digest !== stored.digest || stored.deleted !== (stored.image === null))
        await bumpAtPrimary(entity, stored, route);
    }
  }

  return { replicateCaptured };
}

function byEntity(marks: readonly Mark[]): Map<string, Key[]> {
  const keys = new Map<string, Map<string, Key>>();
  for (const { entity, key } of marks) {
    const known = keys.get(entity) ?? new Map<string, Key>();
    keys.set(entity, known.set(keyText(key), key));
  }
  return new Map([...keys].map(([entity, byText]) => [entity, [...byText.values()]]));
}
