/** Waits that are short are noticed at once; in long ones, the looks leave the machine to what is waited for. */
const soonestMs = 10;
const latestMs = 200;

/** Looks again until there is an answer; the limit is for a hang, not for speed. */
export async function until<T>(
  what: string,
  look: () => Promise<T | false | null | undefined>,
  limitMs = 180_000,
): Promise<T> {
  const began = Date.now();
  for (;;) {
    const found = await look();
    if (found !== false && found !== null && found !== undefined) return found;
    const waitedMs = Date.now() - began;
    if (waitedMs > limitMs) throw new Error(`waited in vain until ${what}`);
    const pauseMs = Math.min(latestMs, Math.max(soonestMs, waitedMs / 5));
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}
