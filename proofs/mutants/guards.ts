import type { Guard } from './guard.ts';
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

/** By area. A text is as small as it can be and still be the only one in its file. */
export const guards: readonly Guard[] = [
  ...changeGuards,
  ...comparisonGuards,
  ...controlRowGuards,
  ...copyGuards,
  ...embeddedGuards,
  ...fenceGuards,
  ...gateGuards,
  ...groupGuards,
  ...inputGuards,
  ...journalGuards,
  ...journalEntryGuards,
  ...workflowInputGuards,
  ...keptValueGuards,
  ...largeRowGuards,
  ...listGuards,
  ...readGuards,
  ...retryGuards,
  ...silenceGuards,
  ...stepGuards,
  ...storeGuards,
  ...throttleGuards,
  ...touchGuards,
  ...transactionGuards,
  ...transportGuards,
  ...valueGuards,
  ...versionGuards,
  ...writeGuards,
];
