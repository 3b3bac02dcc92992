/**
 * - `lost`: an acknowledged write is not in the journal as its receipt says, or a store neither holds its outcome nor is owed
 *   it by the journal.
 * - `twice`: a database saw one write take effect more than once.
 * - `ghost`: something took effect that nobody asked for, or that was refused.
 * - `unjust`: a write was taken or refused although the record, as it was at that moment, says otherwise.
 * - `version`: versions of a key are not unique, do not rise, or went back.
 * - `unequal`: the stores hold different rows, versions or digests.
 * - `open`: a write is still pending, or waits for a person.
 * - `told`: the same operation was told another outcome later.
 * - `read`: a read with a token showed what no write has left.
 */
export const faults = ['lost', 'twice', 'ghost', 'unjust', 'version', 'unequal', 'open'] as const;
export type Fault = (typeof faults)[number] | 'told' | 'read';

export interface CheckResult {
  readonly fault: Fault;
  readonly about: string;
  readonly why: string;
}

export type Find = (fault: Fault, about: string, why: string) => void;
