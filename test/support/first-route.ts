import type { Stores } from '../../databases/contract/store.ts';
import type { Phase } from '../../model/phase.ts';

/**
 * Opens prepared stores for writes under epoch 1, as a migration's workflow does: for what runs without one.
 *
 * @param phase default `dual-write`
 */
export async function writeFirstRoute(
  { legacy, modern }: Stores,
  migration: string,
  phase: Phase = 'dual-write',
): Promise<void> {
  const route = { epoch: 1, changeNumber: 1, open: true, readPercent: 0, writePercent: 100 };
  for (const store of [modern, legacy]) await store.writeState({ migration, phase, ...route });
}
