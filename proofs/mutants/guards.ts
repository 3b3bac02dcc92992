import type { Guard } from './guard.ts';
import { captureGuards } from './guards/capture.ts';
import { changeGuards } from './guards/change-of-primary.ts';
import { comparisonGuards } from './guards/comparison.ts';
import { controlRowGuards } from './guards/control-rows.ts';
import { copyGuards } from './guards/copies.ts';
import { embeddedGuards } from './guards/embedded.ts';
import { fenceGuards } from './guards/fence.ts';
import { gateGuards } from './guards/gates.ts';
import { groupGuards } from './guards/groups.ts';
import { inputGuards } from './guards/input.ts';
import { journalGuards } from './guards/journal.ts';
import { journalEntryGuards } from './guards/journal-entry.ts';
import { keptValueGuards } from './guards/kept-values.ts';
import { largeRowGuards } from './guards/large-rows.ts';
import { listGuards } from './guards/lists.ts';
import { readGuards } from './guards/reads.ts';
import { retryGuards } from './guards/retries.ts';
import { silenceGuards } from './guards/silence.ts';
import { stepGuards } from './guards/steps.ts';
import { storeGuards } from './guards/stores.ts';
import { throttleGuards } from './guards/throttle.ts';
import { touchGuards } from './guards/touch.ts';
import { transactionGuards } from './guards/transactions.ts';
import { transportGuards } from './guards/transport.ts';
import { valueGuards } from './guards/values.ts';
import { versionGuards } from './guards/versions.ts';
import { workflowInputGuards } from './guards/workflow-inputs.ts';
import { writeGuards } from './guards/writes.ts';

/** By area, which has the name of its file. A text is as small as it can be and still be the only one in its file. */
const guardsByArea: Readonly<Record<string, readonly Guard[]>> = {
  capture: captureGuards,
  'change-of-primary': changeGuards,
  comparison: comparisonGuards,
  'control-rows': controlRowGuards,
  copies: copyGuards,
  embedded: embeddedGuards,
  fence: fenceGuards,
  gates: gateGuards,
  groups: groupGuards,
  input: inputGuards,
  journal: journalGuards,
  'journal-entry': journalEntryGuards,
  'kept-values': keptValueGuards,
  'large-rows': largeRowGuards,
  lists: listGuards,
  reads: readGuards,
  retries: retryGuards,
  silence: silenceGuards,
  steps: stepGuards,
  stores: storeGuards,
  throttle: throttleGuards,
  touch: touchGuards,
  transactions: transactionGuards,
  transport: transportGuards,
  values: valueGuards,
  versions: versionGuards,
  'workflow-inputs': workflowInputGuards,
  writes: writeGuards,
};

export const guards: readonly Guard[] = Object.values(guardsByArea).flat();

/** Those whose area, file or sentence has the text. */
export function guardsOf(text: string): readonly Guard[] {
  return Object.entries(guardsByArea).flatMap(([area, all]) =>
    all.filter(({ file, keeps }) => [area, file, keeps].some((part) => part.includes(text))),
  );
}
