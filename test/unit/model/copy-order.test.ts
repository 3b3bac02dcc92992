import { expect, test } from 'vitest';
import { copyOrder } from '../../../model/copy-order.ts';

test('parents come before children, whatever order they are declared in', () => {
  const stages = copyOrder(
    new Map([
      ['grandchild', ['child']],
      ['child', ['parent']],
      ['parent', []],
      ['other', []],
    ]),
  );
  expect(stages).toEqual([
    { entities: ['parent', 'other'], inOrder: [] },
    { entities: ['child'], inOrder: [] },
    { entities: ['grandchild'], inOrder: [] },
  ]);
});

test('what refers to itself, or to one another in a circle, is one stage', () => {
  const stages = copyOrder(
    new Map([
      ['line', ['order']],
      ['order', ['customer', 'order']],
      ['customer', ['branch']],
      ['branch', ['customer', 'elsewhere']],
    ]),
  );
  expect(stages).toEqual([
    { entities: ['customer', 'branch'], inOrder: ['customer', 'branch'] },
    { entities: ['order'], inOrder: ['order'] },
    { entities: ['line'], inOrder: [] },
  ]);
});
