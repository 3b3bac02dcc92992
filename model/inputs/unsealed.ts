/**
 * What a worker with a key reads in the place of a payload that is not encrypted, or not for this workflow. Code of a workflow never sees it: inputs and
 * messages are looked at first.
 */
export const unsealed = { lockstep: 'a payload that is not encrypted for this workflow' } as const;

export function isUnsealed(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && 'lockstep' in value && value.lockstep === unsealed.lockstep
  );
}
