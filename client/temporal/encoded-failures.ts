import { DefaultFailureConverter } from '@temporalio/common';

/** What Temporal's client and worker load by path where a key is set: messages and stacks of failures become payloads. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
