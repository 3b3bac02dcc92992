import * as v from 'valibot';

/** Whose inputs a worker knows. A change that an older worker would misread takes the next number, which its senders then name. */
export const inputVersions: readonly number[] = [1];

/** Of every input of a workflow. It comes first: what else stands in an input of another version, nobody here can judge. */
export const versioned = {
  inputVersion: v.optional(
    v.pipe(
      v.number(),
      v.values(inputVersions, `is not one that this worker knows: ${inputVersions.join(', ')}`),
    ),
  ),
};

/** What helps where the fault of an input is at this path. */
export function remedyAt(path: string): string | undefined {
  return path === 'inputVersion'
    ? 'give the workers the version of the program that sent it, or leave inputVersion out for version 1'
    : undefined;
}
