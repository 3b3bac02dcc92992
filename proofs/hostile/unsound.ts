/** What must not come back, in no failure and no line. */
export const secret = 'what-was-sent-must-not-come-back';

/** A sound value with one thing in it that no schema takes there. */
export interface Unsound {
  /** Where, and what stands there, for people. */
  readonly what: string;
  readonly value: unknown;
}

/** One for each place of the value and each thing that cannot stand there. */
export function unsoundOf(value: unknown, at = 'input'): readonly Unsound[] {
  return [
    ...wrongFor(value).map((wrong) => ({ what: `${at} is ${kindOf(wrong)}`, value: wrong })),
    ...membersOf(value).flatMap(([name, member]) =>
      unsoundOf(member, `${at}.${name}`).map((inner) => ({
        what: inner.what,
        value: replaced(value, name, inner.value),
      })),
    ),
  ];
}

function wrongFor(value: unknown): readonly unknown[] {
  if (value === null) return [{ secret }, [7]];
  if (Array.isArray(value)) return [secret, 7, { secret }];
  switch (typeof value) {
    case 'string':
      return [7, { secret }, [secret]];
    case 'number':
      return [secret, { secret }, []];
    case 'boolean':
      return [secret, 7, { secret }];
    default:
      return [secret, 7, [7]];
  }
}

function membersOf(value: unknown): readonly (readonly [string, unknown])[] {
  return value !== null && typeof value === 'object' ? Object.entries(value) : [];
}

function replaced(value: unknown, name: string, member: unknown): unknown {
  if (Array.isArray(value))
    return value.map((item: unknown, index) => (String(index) === name ? member : item));
  return { ...(value as object), [name]: member };
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
