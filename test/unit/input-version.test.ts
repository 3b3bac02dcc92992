import { expect, test } from 'vitest';
import { faultIn, type InputSchema } from '../../model/inputs/input-fault.ts';
import { inputVersions } from '../../model/inputs/input-version.ts';
import { inputSchemas } from '../../workflows/inputs.ts';

const taking: readonly (readonly [string, readonly InputSchema[]])[] = Object.entries(inputSchemas).filter(
  ([, schemas]) => schemas.length > 0,
);

test.each(taking)('%s is refused by its version, whatever else it holds', (_, schemas) => {
  for (const inputVersion of [Math.max(...inputVersions) + 1, 0, 1.5]) {
    const fault = faultIn(schemas, [{ inputVersion, operation: 7, items: null, later: true }]);
    expect(fault).toEqual({
      path: 'inputVersion',
      reason: expect.stringContaining(`knows: ${inputVersions.join(', ')}`),
    });
  }
});

test.each(taking)('%s of a version that is known is looked at further', (_, schemas) => {
  for (const given of [...inputVersions.map((inputVersion) => ({ inputVersion })), {}])
    expect(faultIn(schemas, [given])?.path).not.toBe('inputVersion');
});
