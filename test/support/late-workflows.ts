import { condition, defineSignal, makeContinueAsNewFunc, setHandler } from '@temporalio/workflow';
import type { Reconciliation } from '../../workflows/messages.ts';

export * from '../../workflows/index.ts';

/** How it ends: with a result, or by another run, on another task queue. */
export type End =
  | { readonly result: Reconciliation }
  | { readonly taskQueue: string; readonly input: unknown };

export const finish = defineSignal<[End]>('finish');

/** It ends as it is told to, and says no word of it. */
export async function reconcile(_?: unknown): Promise<Reconciliation> {
  let end: End | null = null;
  setHandler(finish, (given) => {
    end = given;
  });
  await condition(() => end !== null);
  const told = end as End | null;
  if (told === null) throw new TypeError('it has an end');
  if ('result' in told) return told.result;
  return await makeContinueAsNewFunc<typeof reconcile>({ taskQueue: told.taskQueue })(told.input);
}
