import type { RepositoryOf } from '../../client/service/repository.ts';
import { LockstepError } from '../../model/failure.ts';
import { type Account, type account, newAccount } from './accounts.ts';

/** What a service was promised, kept apart from everything that Lockstep keeps. */
export interface Promised {
  /** By id; null where the last acknowledged write was a delete. */
  readonly accounts: ReadonlyMap<number, Account | null>;
  readonly acknowledged: number;
  readonly failures: readonly unknown[];
}

export interface Writers {
  acknowledged(): number;
  /** Waits until the last write is answered. */
  stop(): Promise<Promised>;
}

/** Writers that never pause. Each has keys of its own, so that the order of promises is known. */
export function write(
  repository: RepositoryOf<typeof account>,
  { writers = 4 }: { writers?: number } = {},
): Writers {
  const accounts = new Map<number, Account | null>();
  const failures: unknown[] = [];
  let acknowledged = 0;
  let stopped = false;
  const work = async () => {
    const own: Account[] = [];
    for (let turn = 0; !stopped; turn++) {
      const known = own[turn % 3];
      try {
        if (turn % 7 === 6 && known) {
          await repository.delete(known.id);
          own.splice(own.indexOf(known), 1);
          accounts.set(known.id, null);
        } else if (turn % 2 === 1 && known) {
          const owner = `${known.owner.split(' at ')[0]} at ${turn}`;
          await repository.update(known.id, { owner });
          known.owner = owner;
          accounts.set(known.id, { ...known });
        } else {
          const value = newAccount();
          await repository.create(value);
          own.push(value);
          accounts.set(value.id, { ...value });
        }
        acknowledged += 1;
      } catch (error) {
        failures.push(error instanceof LockstepError ? `${error.code}: ${error.message}` : error);
        return;
      }
    }
  };
  const all = Promise.all(Array.from({ length: writers }, work));
  return {
    acknowledged: () => acknowledged,
    async stop() {
      stopped = true;
      await all;
      return { accounts, acknowledged, failures };
    },
  };
}

/** The rows that a store must have, as plain SQL gives them, among the ids that were promised. */
export function expectedRows(promised: Promised): Record<string, string | null>[] {
  return [...promised.accounts.values()]
    .filter((value) => value !== null)
    .sort((left, right) => left.id - right.id)
    .map(({ id, owner, email, balance }) => ({ id: String(id), owner, email, balance }));
}
