import type { Guard } from './guard.ts';

/** A pattern for all tests that one of the guards asks for; null where one of them asks for every test. */
export function unionOf(guards: readonly Pick<Guard, 'named'>[]): string | null {
  const patterns = guards.map(({ named }) => named ?? null);
  return patterns.includes(null) ? null : [...new Set(patterns)].map((one) => `(?:${one})`).join('|');
}

/** The names of those tests that the guard asks for; none where one of its files has none. */
export function testsOf(
  { tests, named }: Pick<Guard, 'tests' | 'named'>,
  green: ReadonlyMap<string, ReadonlySet<string>>,
): string[] {
  const pattern = new RegExp(named ?? '');
  const found = tests.map((file) => [...(green.get(file) ?? [])].filter((name) => pattern.test(name)));
  return found.some((names) => names.length === 0) ? [] : found.flat();
}
