import { asyncLocalStorage } from '@temporalio/activity';

/**
 * Which attempt of its activity runs. What a process does before the workflow has asked for it counts as the first, which is
 * local.
 */
export function currentAttempt(): { readonly attempt: number; readonly isLocal: boolean } {
  return asyncLocalStorage.getStore()?.info ?? { attempt: 1, isLocal: true };
}
