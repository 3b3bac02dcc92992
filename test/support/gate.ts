import { Context } from '@temporalio/activity';
import type { Store } from '../../databases/contract/store.ts';
import type { StoreName } from '../../model/failure.ts';

/** Stands before one method of one store, until it is opened or left. */
export interface Gate extends Disposable {
  /** Resolves when a call waits. */
  readonly reached: Promise<void>;
  /** Lets those that wait go on, and all that come later. */
  open(): void;
}

interface Closed {
  left: number;
  readonly reached: () => void;
  readonly opened: Promise<void>;
  readonly open: () => void;
}

/** Holds the calls that a worker makes to its stores, so that something can happen before them. */
export class Gates {
  readonly #closed = new Map<string, Closed>();

  /** Lets the first `after` calls through. What waits also goes on when its activity is told to end. */
  close(store: StoreName, method: keyof Store, { after = 0 }: { after?: number } = {}): Gate {
    const name = `${store} ${method}`;
    const reached = Promise.withResolvers<void>();
    const opened = Promise.withResolvers<void>();
    const open = () => {
      this.#closed.delete(name);
      opened.resolve();
    };
    this.#closed.set(name, { left: after, reached: reached.resolve, opened: opened.promise, open });
    return { reached: reached.promise, open, [Symbol.dispose]: open };
  }

  /** Opens all of them. */
  open(): void {
    for (const { open } of [...this.#closed.values()]) open();
  }

  async pass(store: StoreName, method: PropertyKey): Promise<void> {
    const closed = this.#closed.get(`${store} ${String(method)}`);
    if (closed === undefined || closed.left-- > 0) return;
    closed.reached();
    await Promise.race([closed.opened, Context.current().cancelled.catch(() => undefined)]);
  }

  isClosed(store: StoreName, method: PropertyKey): boolean {
    return this.#closed.has(`${store} ${String(method)}`);
  }
}
