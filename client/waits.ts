import { AsyncLocalStorage } from 'node:async_hooks';

/** Hears what is waited for, so that somebody can say it. */
export interface Waits {
  /** @returns what is called when the wait is over */
  begin(what: string): () => void;
}

const heard = new AsyncLocalStorage<Waits | null>();

/** Lets `waits` hear of all that `work`, and what it begins, waits for. */
export function hearing<T>(waits: Waits, work: () => T): T {
  return heard.run(waits, work);
}

/** Whether anybody wants to hear of it. */
export function isHeard(): boolean {
  return Boolean(heard.getStore());
}

/** Does `work`, and says what it waits for in the words of an operator. What `work` waits for within is not said beside it. */
export async function waitingFor<T>(what: string, work: () => Promise<T>): Promise<T> {
  const waits = heard.getStore();
  if (!waits) return await work();
  const over = waits.begin(what);
  try {
    return await heard.run(null, work);
  } finally {
    over();
  }
}
