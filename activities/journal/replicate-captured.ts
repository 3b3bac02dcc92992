import type { Mark } from '../../databases/contract/capture.ts';
import { currentState } from '../../databases/contract/current-state.ts';
import { type Key, keyText } from '../../model/canonical.ts';
import { digestOf } from '../../model/digest.ts';
import type { Entity } from '../../model/entity.ts';
import { ownImage } from '../../model/field.ts';
import { entityNamed } from '../../model/migration.ts';
import { routeOf, type WriteRoute } from '../../model/operation.ts';
import { raising } from '../comparison/bump-version.ts';
import { repairing, routeChanged } from '../comparison/repair-keys.ts';
import type { ActivityContext } from '../context.ts';
import { beating } from '../heartbeat.ts';

export interface Swept {
  /** Marks that were dealt with. */
  readonly marks: number;
  /** Keys that the secondary refused, or that cannot be read; they are among the differences. */
  readonly refused: number;
  readonly done: boolean;
}

const marksPerSweep = 500;

/** Takes up what other sessions wrote to the primary. */
export function sweepActivities(context: ActivityContext) {
  const { migration, stores } = context;
  const { repair } = repairing(context);
  const { raiseAlone } = raising(context);

  /** The rows are read after their marks, and a mark is forgotten after its key is dealt with: no write is lost between. */
  async function sweepCaptured(): Promise<Swept> {
    const state = await currentState(context);
    if (!state.open) throw routeChanged(migration.name);
    const route = routeOf(state);
    return await beating(async () => {
      const marks = await stores[route.primary].captured(marksPerSweep);
      let refused = 0;
      for (const [name, keys] of byEntity(marks)) {
        const known = migration.entities.some((entity) => entity.name === name);
        if (known) refused += await takeUp(entityNamed(migration, name), keys, route);
      }
      await stores[route.primary].forgetCaptured(marks.map((mark) => mark.id));
      return { marks: marks.length, refused, done: marks.length < marksPerSweep };
    });
  }

  async function takeUp(entity: Entity, keys: readonly Key[], route: WriteRoute): Promise<number> {
    const { secondary } = route;
    if (secondary === null) {
      await renew(entity, keys, route);
      return 0;
    }
    const open = await repair(entity, keys, { ...route, secondary });
    return open.length;
  }

  /** While nobody follows: a new version, so that whoever follows later is given what is there now. */
  async function renew(entity: Entity, keys: readonly Key[], route: WriteRoute): Promise<void> {
    for (const stored of await stores[route.primary].read(entity, keys)) {
      if (stored.unreadable !== null) continue;
      const digest = stored.image ? digestOf(ownImage(entity.fields, stored.image)) : null;
      if (digest !== stored.digest || stored.deleted !== (stored.image === null))
        await raiseAlone(entity, stored, route);
    }
  }

  return { sweepCaptured };
}

function byEntity(marks: readonly Mark[]): Map<string, Key[]> {
  const keys = new Map<string, Map<string, Key>>();
  for (const { entity, key } of marks) {
    const known = keys.get(entity) ?? new Map<string, Key>();
    keys.set(entity, known.set(keyText(key), key));
  }
  return new Map([...keys].map(([entity, byText]) => [entity, [...byText.values()]]));
}
