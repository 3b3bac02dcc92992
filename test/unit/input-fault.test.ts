import { expect, test } from 'vitest';
import { faultOf } from '../../model/inputs/input-fault.ts';
import { messageTable } from '../../model/inputs/messages.ts';

const [readsOverBudget] = messageTable.migration?.readsOverBudget?.takes ?? [];
const [asked] = messageTable.migration?.pause?.takes ?? [];
const secret = 'what-was-sent';

test('a fault is told by its path and what is wanted, and not by what came', () => {
  if (!readsOverBudget) throw new TypeError('it has a schema');
  const sound = { changeNumber: 3, kind: 'mismatches', reason: '3 of 100 shadow reads disagreed' };
  expect(faultOf(readsOverBudget, sound)).toBeNull();
  for (const member of ['changeNumber', 'kind', 'reason']) {
    const fault = faultOf(readsOverBudget, { ...sound, [member]: { secret } });
    expect(fault?.path).toBe(member);
    expect(fault?.reason).not.toContain(secret);
  }
});

test('nor by the name of a member that is none', () => {
  if (!asked) throw new TypeError('it has a schema');
  expect(faultOf(asked, { [secret]: 1 })).toEqual({ path: '', reason: 'has an unknown member' });
});
