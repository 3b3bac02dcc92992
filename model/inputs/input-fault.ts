import * as v from 'valibot';
import { whyNotTaken } from './not-taken.ts';

/** What is wrong with something that came from outside. It never holds a value: that may be a row. */
export interface InputFault {
  /** Such as `operation.key`, by the names of the schema. */
  readonly path: string;
  /** What is expected there. */
  readonly reason: string;
}

/** A schema of what comes from outside, whatever it takes. */
export type InputSchema<T = unknown> = v.GenericSchema<unknown, T>;

/** The first fault of a value; null where it has none. */
export function faultOf(schema: InputSchema, value: unknown): InputFault | null {
  const { issues } = v.safeParse(schema, value, { abortEarly: true, abortPipeEarly: true });
  const [issue] = issues ?? [];
  if (!issue) return null;
  const keys = (issue.path ?? []).map(({ key }) => String(key));
  // The name of a member that no schema has is not ours either.
  if (issue.expected === 'never')
    return { path: keys.slice(0, -1).join('.'), reason: 'has an unknown member' };
  const path = keys.join('.');
  // A library's own message tells what was received.
  const reason = issue.kind === 'schema' ? `expected ${issue.expected ?? 'something else'}` : issue.message;
  return { path, reason };
}

/** The first fault of what a workflow, a message or an activity is given. More arguments than there are schemas do no harm: nobody reads them. */
export function faultIn(schemas: readonly InputSchema[], given: readonly unknown[]): InputFault | null {
  for (const value of given) {
    const reason = whyNotTaken(value);
    if (reason !== null) return { path: '', reason };
  }
  for (const [index, schema] of schemas.entries()) {
    const fault = faultOf(schema, given[index]);
    if (fault) return fault;
  }
  return null;
}

export function faultMessage(what: string, { path, reason }: InputFault): string {
  const at = path === '' ? '' : ` at ${path}`;
  return `${what} is not what it should be${at}: ${reason}`;
}
