import type { ActivitySlotInfo, CustomSlotSupplier, SlotPermit } from '@temporalio/worker';

/** Who waits for a slot. */
interface Waiting {
  readonly take: (permit: SlotPermit) => void;
}

/** So many activities at a time, and none new while the worker could do nothing with it: another worker takes it then. */
export class HeldSlots implements CustomSlotSupplier<ActivitySlotInfo> {
  readonly type = 'custom';
  readonly #isHeld: () => boolean;
  readonly #waiting = new Set<Waiting>();
  #free: number;

  /** @param isHeld is asked before each slot, and by `look` */
  constructor(count: number, isHeld: () => boolean) {
    this.#free = count;
    this.#isHeld = isHeld;
  }

  /** What `isHeld` says may have changed. */
  look(): void {
    for (const waiting of this.#waiting) {
      const permit = this.tryReserveSlot();
      if (!permit) return;
      this.#waiting.delete(waiting);
      waiting.take(permit);
    }
  }

  tryReserveSlot(): SlotPermit | null {
    if (this.#free === 0 || this.#isHeld()) return null;
    this.#free -= 1;
    return {};
  }

  async reserveSlot(_: unknown, abortSignal: AbortSignal): Promise<SlotPermit> {
    const permit = this.tryReserveSlot();
    if (permit) return permit;
    const { promise, resolve, reject } = Promise.withResolvers<SlotPermit>();
    const waiting = { take: resolve };
    this.#waiting.add(waiting);
    abortSignal.addEventListener('abort', () => {
      if (this.#waiting.delete(waiting)) reject(abortSignal.reason);
    });
    return await promise;
  }

  markSlotUsed(): void {}

  releaseSlot(): void {
    this.#free += 1;
    this.look();
  }
}
