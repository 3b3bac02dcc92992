import { Context } from '@temporalio/activity';
import type { Store } from '../../databases/contract/store.ts';
import type { StoreName } from '../../model/failure.ts';
import { until } from './until.ts';

/** Stands before one method of one store, until it is opened or left. */
export interface Gate extends Disposable {
  /** Resolves when so many calls wait. */
  waiting(count?: number): Promise<void>;
  /** Lets those that wait go on, and all that come later. */
  open(): void;
}

interface Closed {
  left: number;
  waiting: number;
  readonly opened: Promise<void>;
  readonly open: () => void;
}

/** Holds the calls that a worker makes to its stores, so that something can happen before them. */
export class Gates {
  readonly #closed = new Map<string, Closed>();

  /** Lets the first `after` calls through. What waits also goes on when its activity is told to end. */
  close(store: StoreName, method: keyof Store, { after = 0 }: { after?: number } = {}): Gate {
    const name = `${store} ${method}`;
    const { promise: opened, resolve } = Promise.withResolvers<void>();
    const open = () => {
      this.#closed.delete(name);
      resolve();
    };
    const closed: Closed = { left: after, waiting: 0, opened, open };
    this.#closed.set(name, closed);
    return {
      async waiting(count = 1) {
        await until(`${count} calls of ${name} wait`, async () => closed.waiting >= count);
      },
      open,
      [Symbol.dispose]: open,
    };
  }

  /** Opens all of them. */
  open(): void {
    for (const { open } of [...this.#closed.values()]) open();
  }

  isClosed(store: StoreName, method: PropertyKey): boolean {
    return this.#closed.has(`${store} ${String(method)}`);
  }

  async pass(store: StoreName, method: PropertyKey): Promise<void> {
    const closed = this.#closed.get(`${store} ${String(method)}`);
    if (closed === undefined || closed.left-- > 0) return;
    closed.waiting += 1;
    try {
      await Promise.race([closed.opened, Context.current().cancelled.catch(() => undefined)]);
    } finally {
      closed.waiting -= 1;
    }
  }
}
