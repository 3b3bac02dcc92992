/** So many are under way at a time. */
const atOnce = 16;

export async function inTurns<T>(
  all: readonly T[],
  work: (one: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < all.length; index = next++) await work(all[index] as T, index);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** So many at most, from a place that the seed decides. */
export function some<T>(all: readonly T[], most: number, seed: number): readonly T[] {
  const step = Math.max(1, all.length / most);
  return all.filter((_, at) => Math.floor((at + seed) / step) !== Math.floor((at + seed - 1) / step));
}
