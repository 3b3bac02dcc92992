import { DefaultFailureConverter } from '@temporalio/common';

declare global {
  /** Whether messages and stacks of failures become payloads: set by a worker that has a key, before workflows are loaded. */
  var lockstepEncodesFailures: boolean | undefined;
}

export const failureConverter = new DefaultFailureConverter({
  encodeCommonAttributes: globalThis.lockstepEncodesFailures === true,
});
