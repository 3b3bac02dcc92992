/**
 * Hands out work as long as there is some, and lets at most `concurrency` pieces of it run at a time. Rejects with the
 * first failure, once nothing runs any more.
 *
 * @param isAlone whether nothing may run beside a piece; default: never
 */
export async function mapConcurrently<T>(
  concurrency: number,
  next: () => Promise<T | null>,
  work: (piece: T) => Promise<void>,
  isAlone: (piece: T) => boolean = () => false,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const start = (piece: T) => {
    const task: Promise<void> = work(piece)
      .catch((error: unknown) => {
        failures.push(error);
      })
      .finally(() => running.delete(task));
    running.add(task);
  };
  try {
    for (let piece = await next(); piece !== null && failures.length === 0; piece = await next()) {
      const alone = isAlone(piece);
      if (alone) await Promise.all(running);
      start(piece);
      if (alone || running.size >= concurrency) await Promise.race(running);
    }
  } finally {
    await Promise.all(running);
  }
  if (failures.length > 0) throw failures[0];
}
