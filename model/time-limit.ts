/** Gives up waiting after so many milliseconds. What was begun goes on, and nobody hears of it. */
export async function withinLimit<T>(work: Promise<T>, limitMs: number, error: () => Error): Promise<T> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(error()), limitMs);
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}
