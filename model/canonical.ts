/**
 * A canonical value is the one form in which both stores, Temporal's histories and the digests see a value: every scalar
 * but null and boolean is text, so it is exact, it passes JSON unchanged, and null and the empty string stay apart.
 */
export type Canonical =
  | null
  | boolean
  | string
  | readonly Canonical[]
  | { readonly [name: string]: Canonical };

/** The whole entity as canonical values, by field name. */
export type Image = { readonly [field: string]: Canonical };

/** The values of an entity's key fields, in the key's order. */
export type Key = readonly string[];

/** Nothing of ours nests so deep; a deeper value would end the process that follows it. */
const deepest = 100;

function isCanonical(value: unknown, depth = 0): value is Canonical {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value !== 'object' || depth >= deepest) return false;
  return Object.values(value).every((member) => isCanonical(member, depth + 1));
}

export function isImage(value: unknown): value is Image {
  return value !== null && typeof value === 'object' && !Array.isArray(value) && isCanonical(value);
}

/** How a key is written in control tables and comparisons: unambiguous also for composite keys. */
export function keyText(key: Key): string {
  return JSON.stringify(key);
}

/** Tells records of several entities, or shared ones, from each other. */
export function recordIdentity(name: string, key: Key): string {
  return `${name}${keyText(key)}`;
}

/** A text that is no key becomes one that no record has, so that whoever meets it can say so, and goes on; see `isCorruptKey`. */
export function keyFromText(text: string): Key {
  const parsed = parsedOrNull(text);
  if (Array.isArray(parsed) && parsed.every((part) => typeof part === 'string')) return parsed;
  return [corrupt, text, corrupt];
}

/** Whether it stands for a text in a control table that is no key. */
export function isCorruptKey(key: Key): boolean {
  return key.length === 3 && key[0] === corrupt && key[2] === corrupt;
}

const corrupt = '\u0000';

function parsedOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** JSON with sorted names: equal canonical values give equal text. */
export function canonicalText(value: Canonical): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalText).join(',')}]`;
  const members = Object.keys(value)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${canonicalText(value[name] ?? null)}`);
  return `{${members.join(',')}}`;
}

/** Whether two values have the same canonical text, without writing it: a value may be many megabytes. */
export function isSameValue(left: Canonical, right: Canonical): boolean {
  if (left === right) return true;
  if (left === null || right === null || typeof left !== 'object' || typeof right !== 'object') return false;
  if (isList(left) || isList(right)) {
    if (!isList(left) || !isList(right) || left.length !== right.length) return false;
    return left.every((item, at) => isSameValue(item, right[at] ?? null));
  }
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  return names.every(
    (name) => Object.hasOwn(right, name) && isSameValue(left[name] ?? null, right[name] ?? null),
  );
}

export function isList(value: Canonical): value is readonly Canonical[] {
  return Array.isArray(value);
}

export function isRecord(value: Canonical): value is { readonly [name: string]: Canonical } {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

/** Orders keys by their text, the order in which locks are taken. */
export function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
