import { isFromNewerProgram } from '../databases/contract/control-version.ts';
import { currentState, type OpenMigration } from '../databases/contract/current-state.ts';
import type { Store } from '../databases/contract/store.ts';
import type { StoreName } from '../model/failure.ts';
import { isLockstepError } from '../model/is-lockstep-error.ts';
import { neededStores, routes } from '../model/phase.ts';

/**
 * Checks that both stores are prepared for the definition. The one that is not the primary may be down: its writes stay
 * pending until it is back. Throws `NotPrepared`, `InvalidDefinition` or `StoreUnavailable`.
 */
export async function assertStoresFit(open: OpenMigration): Promise<void> {
  const failures = await storeFailures(open, (store) => store.check());
  const [first] = failures.values();
  if (failures.size === 0) return;
  const newer = [...failures.values()].find(isFromNewerProgram);
  if (newer) throw newer;
  const state = await currentState(open).catch(() => null);
  if (state === null) throw first;
  const { phase } = state;
  for (const name of neededStores(phase)) {
    const failure = failures.get(name);
    const unavailable = isLockstepError(failure, 'StoreUnavailable');
    if (failure !== undefined && !(unavailable && name !== routes[phase].primary)) throw failure;
  }
}

/**
 * Why stores that the phase needs do not take the work of a worker now; none where they do.
 *
 * @param check throws why a store does not
 */
export async function neededStoreFailures(
  open: OpenMigration,
  check: (store: Store) => Promise<void>,
): Promise<unknown[]> {
  const failures = await storeFailures(open, check);
  if (failures.size === 0) return [];
  const state = await currentState(open).catch(() => null);
  const needed = state === null ? [...failures.keys()] : neededStores(state.phase);
  return needed.flatMap((name) => (failures.has(name) ? [failures.get(name)] : []));
}

/** That of legacy first. */
async function storeFailures(
  { stores: { legacy, modern } }: OpenMigration,
  check: (store: Store) => Promise<void>,
): Promise<Map<StoreName, unknown>> {
  const both = [legacy, modern];
  const checks = await Promise.allSettled(both.map(check));
  return new Map(
    both.flatMap(({ name }, at): [StoreName, unknown][] => {
      const found = checks[at];
      return found?.status === 'rejected' ? [[name, found.reason]] : [];
    }),
  );
}
