import { expect, test } from 'vitest';
import { locksOf } from '../../databases/sql/write-request.ts';
import { account, twin } from '../support/accounts.ts';

const item = (order: string, ...customers: string[]) => ({
  order,
  shared: customers.map((key) => ({ name: 'customer', key, version: null, digest: '' })),
});
const lists = [
  { bound: { entity: twin }, ready: [item('["2"]', '["b"]')] },
  { bound: { entity: account }, ready: [item('["9"]', '["c"]', '["a"]'), item('["1"]', '["b"]')] },
];
const inReverse = lists.toReversed().map(({ bound, ready }) => ({ bound, ready: ready.toReversed() }));

test.each([
  ['as they are', lists],
  ['in reverse', inReverse],
])('lists %s lock own records first, then shared ones, each once and in one order', (_, given) => {
  expect(locksOf(given)).toEqual([
    ['account', '["1"]'],
    ['account', '["9"]'],
    ['twin', '["2"]'],
    ['customer', '["a"]'],
    ['customer', '["b"]'],
    ['customer', '["c"]'],
  ]);
});
