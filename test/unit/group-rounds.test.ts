import { expect, test } from 'vitest';
import { roundsOf } from '../../databases/deciding/rounds.ts';
import type { OperationKind } from '../../model/operation.ts';

const write = (key: string, kind: OperationKind) => ({ key: [key], kind });
const shown = (rounds: readonly (readonly { key: readonly string[]; kind: string }[])[]) =>
  rounds.map((round) => round.map(({ key, kind }) => `${kind} ${key.join()}`));

test('a call takes whole images of one key in their order', () => {
  const writes = [write('a', 'create'), write('b', 'update'), write('a', 'replace'), write('a', 'delete')];
  expect(shown(roundsOf(writes, (one) => one))).toEqual([['create a', 'update b', 'replace a', 'delete a']]);
});

test('an update comes after all writes of its key before it, and before all after it', () => {
  const writes = [
    write('a', 'replace'),
    write('a', 'update'),
    write('b', 'delete'),
    write('a', 'update'),
    write('a', 'replace'),
    write('a', 'delete'),
  ];
  expect(shown(roundsOf(writes, (one) => one))).toEqual([
    ['replace a', 'delete b'],
    ['update a'],
    ['update a'],
    ['replace a', 'delete a'],
  ]);
});

test('no writes are no rounds', () => {
  expect(roundsOf([], (one: { key: readonly string[]; kind: OperationKind }) => one)).toEqual([]);
});
