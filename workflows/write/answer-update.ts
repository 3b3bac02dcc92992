import type { UpdateDefinition } from '@temporalio/common';
import { setHandler } from '@temporalio/workflow';
import { descriptionOf } from '../../model/inputs/messages.ts';

/** Answers those who wait. It has a validator always, because arguments are looked at only where there is one: see `check-inputs.ts`. */
export function answerUpdate<T, Arguments extends unknown[]>(
  workflowType: string,
  definition: UpdateDefinition<T, Arguments>,
  answer: (...given: Arguments) => Promise<T>,
  validator: (...given: Arguments) => void = () => undefined,
): void {
  const description = descriptionOf(workflowType, definition.name);
  setHandler(definition, answer, { description, validator });
}
