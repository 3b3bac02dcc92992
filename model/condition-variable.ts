/** Lets callers wait until somebody says that what they wait for may be so. They look again then: it may be so no more. */
export class ConditionVariable {
  readonly #waiting = new Set<() => void>();

  /** Resolves when it is notified, or after that time. */
  wait(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const go = () => {
        clearTimeout(timer);
        this.#waiting.delete(go);
        resolve();
      };
      const timer = setTimeout(go, limitMs);
      this.#waiting.add(go);
    });
  }

  /** The one that has waited longest. */
  notifyOne(): void {
    const [next] = this.#waiting;
    next?.();
  }

  notifyAll(): void {
    for (const go of this.#waiting) go();
  }
}
