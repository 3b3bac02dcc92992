/** Entities that are copied at the same time, when those before them are in. */
export interface CopyStage {
  readonly entities: readonly string[];
  /** Those of them whose rows refer to rows of their own stage: their ranges are copied one after the other. */
  readonly inOrder: readonly string[];
}

/**
 * Parents before children, and what refers to one another in a circle together. Keeps the given order otherwise.
 *
 * @param parentsOf by entity: those that its rows refer to
 */
export function copyOrder(parentsOf: ReadonlyMap<string, readonly string[]>): CopyStage[] {
  const reached = new Map([...parentsOf.keys()].map((name) => [name, ancestorsOf(name, parentsOf)]));
  const stages: CopyStage[] = [];
  const left = new Set(parentsOf.keys());
  while (left.size > 0) {
    const names = [...left].filter((name) =>
      [...(reached.get(name) ?? [])].every((parent) => !left.has(parent) || reached.get(parent)?.has(name)),
    );
    for (const name of names) left.delete(name);
    stages.push({ entities: names, inOrder: names.filter((name) => reached.get(name)?.has(name)) });
  }
  return stages;
}

/** All that an entity leans on: itself among them, where there is a circle. */
function ancestorsOf(name: string, parentsOf: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [...(parentsOf.get(name) ?? [])];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (found.has(next) || !parentsOf.has(next)) continue;
    found.add(next);
    open.push(...(parentsOf.get(next) ?? []));
  }
  return found;
}
