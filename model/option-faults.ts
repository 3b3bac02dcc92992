import { type Fault, throwFaults } from './definition-fault.ts';
import { isObject } from './is-object.ts';

/** Types are no check: Node runs a configuration without a look at them, and an option with a typing error would mean nothing. */
export function optionFaults(path: string, given: unknown, known: readonly string[]): Fault[] {
  if (!isObject(given)) return [{ path, reason: 'must be an object' }];
  return Object.entries(given).flatMap(([name, value]) =>
    value === undefined || known.includes(name)
      ? []
      : [{ path: `${path}.${name}`, reason: `is no option; there are ${known.join(', ')}` }],
  );
}

/** A fault where the value is not what it must be. */
export function unless(isFit: boolean, path: string, reason: string): Fault[] {
  return isFit ? [] : [{ path, reason }];
}

export function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string' && one !== '');
}

/** Of what is no declaration at all nothing else can be told: it is thrown where it is made. */
export function assertOptions(
  path: string,
  given: unknown,
  known: readonly string[],
): asserts given is object {
  throwFaults(optionFaults(path, given, known));
}
