import { expect, test } from 'vitest';
import type { Outcome, WriteItem } from '../../databases/contract/write.ts';
import { outcomesInOrder } from '../../databases/sql/write-request.ts';

function item(key: string): WriteItem {
  return {
    mode: 'primary',
    kind: 'delete',
    key: [key],
    image: null,
    version: '1',
    operationId: null,
    status: 'completed',
    sharedVersions: [],
  };
}

const fenced: Outcome = { status: 'fenced', epoch: 2 };
const failed: Outcome = { status: 'failed', failure: { code: 'StoreRefused', about: 'row', message: 'no' } };

test('outcomes come in the order of the items, whoever gave them', () => {
  const items = [item('a'), item('b')];
  expect(outcomesInOrder(items, new Map([[1, failed]]), new Map([[0, fenced]]))).toEqual([fenced, failed]);
});

test('an item without an outcome is an error, and never taken for written', () => {
  expect(() => outcomesInOrder([item('a'), item('b')], new Map([[1, failed]]))).toThrow('no outcome');
});
