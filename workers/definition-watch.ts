import type { Stores } from '../databases/contract/store.ts';
import { LockstepError } from '../model/failure.ts';

export interface DefinitionWatch {
  /** Resolves when no look is under way any more. */
  stop(): Promise<void>;
  /** Throws `DefinitionChanged` where that was seen. */
  throwChange(): void;
}

/**
 * Looks again and again whether the stores are still prepared for the definition that they are opened with. The stores refuse
 * writes of any other by themselves; but a worker that is behind would also compare, and take tasks that a newer one can do.
 *
 * @param options `changed` is called at most once
 */
export function watchDefinition(
  stores: Stores,
  { everyMs, changed }: { everyMs: number; changed: (error: LockstepError) => void },
): DefinitionWatch {
  let change: LockstepError | null = null;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let looking = Promise.resolve();

  async function look(): Promise<void> {
    for (const store of [stores.legacy, stores.modern]) {
      try {
        await store.assertDefinition();
      } catch (error) {
        // What else is wrong with a store is said by the work that needs it.
        if (!(error instanceof LockstepError) || error.code !== 'DefinitionChanged') continue;
        change = error;
        changed(error);
        return;
      }
    }
    if (!stopped) timer = setTimeout(next, everyMs);
  }

  function next(): void {
    looking = look();
  }

  timer = setTimeout(next, everyMs);
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await looking;
    },
    throwChange: () => {
      if (change) throw change;
    },
  };
}
