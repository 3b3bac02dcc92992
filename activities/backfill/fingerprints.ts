import type { Stores } from '../../databases/contract/store.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';

/** The tables of an entity in both stores, as they were when the backfill was planned. */
export type Fingerprints = Readonly<Record<StoreName, readonly string[]>>;

export async function fingerprintsOf(stores: Stores, entity: Entity): Promise<Fingerprints> {
  const [legacy, modern] = await Promise.all([
    stores.legacy.fingerprint(entity),
    stores.modern.fingerprint(entity),
  ]);
  return { legacy, modern };
}

/** Throws `InvalidDefinition`, with what is new and what is gone, where a table was altered meanwhile. */
export function assertTablesUnchanged(entity: Entity, planned: Fingerprints, found: Fingerprints): void {
  for (const store of ['legacy', 'modern'] as const) {
    const gone = planned[store].filter((line) => !found[store].includes(line));
    const added = found[store].filter((line) => !planned[store].includes(line));
    if (gone.length + added.length === 0) continue;
    const changes = [...gone.map((line) => `- ${line}`), ...added.map((line) => `+ ${line}`)].join('; ');
    throw new LockstepError(
      'InvalidDefinition',
      `the tables of ${entity.name} in the ${store} store were altered under the backfill (${changes}); ` +
        'adapt the definition if it must be, run lockstep prepare, restart the workers, then lockstep backfill: it goes on where it stopped',
      { store, entity: entity.name },
    );
  }
}
