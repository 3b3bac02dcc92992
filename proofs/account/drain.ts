import { openIds } from './contents.ts';
import type { StoreUrls } from './environment.ts';

export const drainBoundSeconds = 60;
const pollMs = 200;

/**
 * Waits until nothing is under way, and gives the seconds that took. `isUnderWay` is asked with the operations that a
 * journal says are open. Waits half as long again as the bar allows, so that a report can say how far from it the end was.
 */
export async function drained(
  urls: StoreUrls,
  isUnderWay: (open: readonly string[]) => boolean,
): Promise<number> {
  const startedAt = performance.now();
  for (;;) {
    const goesOn = isUnderWay(await openIds(urls.legacy, urls.modern));
    const seconds = (performance.now() - startedAt) / 1000;
    if (!goesOn || seconds > drainBoundSeconds * 1.5) return Math.round(seconds * 10) / 10;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
