import type { UpdateDefinition } from '@temporalio/common';
import { setHandler } from '@temporalio/workflow';
import { descriptionOf } from '../../model/inputs/messages.ts';

/** Answers an update that takes nothing. It has a validator, because arguments are looked at only where there is one: see `check-inputs.ts`. */
export function answerUpdate<T>(
  workflowType: string,
  definition: UpdateDefinition<T, []>,
  answer: () => Promise<T>,
): void {
  const description = descriptionOf(workflowType, definition.name);
  setHandler(definition, answer, { description, validator: () => undefined });
}
