import { condition, defineSignal, setHandler } from '@temporalio/workflow';
import type { Reconciliation } from '../../workflows/messages.ts';

export const finish = defineSignal<[Reconciliation]>('finish');

/** Stands for one whose worker was lost after its word that it ends: it ends later, and says no more. */
export async function reconcile(): Promise<Reconciliation> {
  let result: Reconciliation | null = null;
  setHandler(finish, (given) => {
    result = given;
  });
  await condition(() => result !== null);
  if (result === null) throw new TypeError('it has a result');
  return result;
}
