import type { Guard } from './guard.ts';

/** The file without its guard. Throws where the text is not there, or not once: then the list is older than the code. */
export function withoutGuard(source: string, { file, text, without }: Guard): string {
  const times = source.split(text).length - 1;
  if (times !== 1) {
    throw new Error(
      `${file} has ${times} times, instead of once:\n${text}\nmend the guard in proofs/mutants`,
    );
  }
  return source.replace(text, () => without);
}
