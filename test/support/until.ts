/** Looks again until there is an answer; the limit is for a hang, not for speed. */
export async function until<T>(
  what: string,
  look: () => Promise<T | false | null | undefined>,
  limitMs = 180_000,
): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== false && found !== null && found !== undefined) return found;
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
