import { attemptIn } from '../../databases/engine/branch-name.ts';
import type { Engine } from '../../databases/engine/engine.ts';
import type { RoutineItem } from '../../databases/engine/routine-item.ts';
import type { Session } from '../../databases/engine/session.ts';
import type { StoreName } from '../../model/failure.ts';
import { momentOf, type Side, type Step } from './cells.ts';

/** Waits at a moment of a transaction until it may go on. */
export type Gate = (operationId: string, step: Step, side: Side) => Promise<void>;

/** An engine that stops before and after each step of a transaction. */
export function gated(engine: Engine, store: StoreName, gate: Gate): Engine {
  const place = store === 'legacy' ? 'primary' : 'secondary';

  const around = async <T>(operationId: string | null, step: Step, work: () => Promise<T>): Promise<T> => {
    if (operationId === null) return await work();
    await gate(operationId, step, 'before');
    const result = await work();
    await gate(operationId, step, 'after');
    return result;
  };
  const transactionOf = ({ global, local }: { global: string; local: string }) =>
    attemptIn(`${global}:${local}`, store, engine.database)?.transaction ?? null;

  const branches: Engine['branches'] = {
    ...engine.branches,
    async prepare(name, work) {
      const id = transactionOf(name);
      if (id === null) return await engine.branches.prepare(name, work);
      await gate(id, `begin-${place}`, 'before');
      const result = await engine.branches.prepare(name, async (session) => {
        await gate(id, `begin-${place}`, 'after');
        const done = await work(session);
        await gate(id, `prepare-${place}`, 'before');
        return done;
      });
      await gate(id, `prepare-${place}`, 'after');
      return result;
    },
    end: (name, how) =>
      around(how === 'commit' ? transactionOf(name) : null, `commit-${place}`, () =>
        engine.branches.end(name, how),
      ),
  };
  const commitPool: Session = {
    query: (sql, parameters = []) =>
      around(sql.includes('SET decision = ?') ? idAmong(parameters) : null, 'decision', () =>
        engine.commitPool.query(sql, parameters),
      ),
  };
  return {
    ...engine,
    branches,
    commitPool,
    callWrite: (session, bound, request) =>
      around(session ? transactionIn(request.item) : null, `write-${place}`, () =>
        engine.callWrite(session, bound, request),
      ),
  };
}

function idAmong(parameters: readonly unknown[]): string | null {
  return parameters.map(String).find((parameter) => momentOf(parameter) !== null) ?? null;
}

function transactionIn({ operationId }: RoutineItem): string | null {
  return operationId?.split('/')[0] ?? null;
}
