import { expect, test } from 'vitest';
import { z } from 'zod';
import { SharedReads } from '../../client/service/shared-reads.ts';
import type { Key } from '../../model/canonical.ts';
import { entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import { table } from '../../model/shape.ts';

const named = (name: string) =>
  entity({
    name,
    schema: z.object({ id: z.string() }),
    key: 'id',
    legacy: table(name),
    modern: table(name),
  });
const [order, customer] = [named('order'), named('customer')];

interface Statement {
  readonly of: string;
  readonly keys: string;
  answer(): void;
  fail(error: Error): void;
}

/** Statements that end when the test says so; each key is answered with itself. */
function reads(places: number) {
  const statements: Statement[] = [];
  const shared = new SharedReads<string>(places, ({ name }, keys: readonly Key[]) => {
    const { promise, resolve, reject } = Promise.withResolvers<string[]>();
    const ids = keys.map(String);
    statements.push({ of: name, keys: ids.join(' '), answer: () => resolve(ids), fail: reject });
    return promise;
  });
  return { statements, one: (id: string, of = order) => shared.one(of, [id]) };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const refusal = new LockstepError('StoreRefused', 'this key');
const away = new LockstepError('StoreUnavailable', 'away');

/** What was asked, in the order in which it was. */
const asked = (statements: readonly Statement[]) => statements.map(({ of, keys }) => `${of}: ${keys}`);

test('reads go alone while there are places, and what waits shares the next statement', async () => {
  const { statements, one } = reads(2);
  const answers = ['a', 'b', 'c', 'd', 'c'].map((id) => one(id));
  expect(asked(statements)).toEqual(['order: a', 'order: b']);
  statements[1]?.answer();
  await settled();
  expect(asked(statements)).toEqual(['order: a', 'order: b', 'order: c d c']);
  for (const statement of statements) statement.answer();
  expect(await Promise.all(answers)).toEqual(['a', 'b', 'c', 'd', 'c']);
});

test('a place that nobody waits for is given back, and never are there more', async () => {
  const { statements, one } = reads(1);
  for (const id of ['a', 'b', 'c']) {
    const read = one(id);
    const later = one(`${id}2`);
    expect(statements).toHaveLength(1);
    statements[0]?.answer();
    await settled();
    expect(asked(statements)).toEqual([`order: ${id}`, `order: ${id}2`]);
    statements[1]?.answer();
    expect(await Promise.all([read, later])).toEqual([id, `${id}2`]);
    await settled();
    statements.length = 0;
  }
});

test('each entity has statements of its own, and takes its turn', async () => {
  const { statements, one } = reads(1);
  const answers = [one('a'), one('b'), one('c', customer), one('d')];
  for (let at = 0; at < 3; at++) {
    statements[at]?.answer();
    await settled();
  }
  expect(asked(statements)).toEqual(['order: a', 'order: b d', 'customer: c']);
  expect(await Promise.all(answers)).toEqual(['a', 'b', 'c', 'd']);
});

test('more than a statement takes wait behind the other entities', async () => {
  const { statements, one } = reads(1);
  const answers = [
    one('first'),
    ...Array.from({ length: 501 }, (_, id) => one(String(id))),
    one('c', customer),
  ];
  for (let at = 0; at < 4; at++) {
    statements[at]?.answer();
    await settled();
  }
  expect(statements.map(({ of, keys }) => [of, keys.split(' ').length])).toEqual([
    ['order', 1],
    ['order', 500],
    ['customer', 1],
    ['order', 1],
  ]);
  expect(await Promise.all(answers)).toHaveLength(503);
});

test('what the store refuses of one key fails that read alone', async () => {
  const { statements, one } = reads(1);
  const answers = Promise.allSettled(['a', 'b', 'bad', 'c'].map((id) => one(id)));
  statements[0]?.answer();
  await settled();
  statements[1]?.fail(refusal);
  for (let at = 2; at < 5; at++) {
    await settled();
    const statement = statements[at];
    if (statement?.keys === 'bad') statement.fail(refusal);
    else statement?.answer();
  }
  expect(await answers).toMatchObject([{ value: 'a' }, { value: 'b' }, { reason: refusal }, { value: 'c' }]);
  expect(asked(statements).slice(1)).toEqual(['order: b bad c', 'order: b', 'order: bad', 'order: c']);
});

test('a store that is unavailable fails all that wait, and is not asked for each', async () => {
  const { statements, one } = reads(1);
  const answers = Promise.allSettled(['a', 'b', 'c'].map((id) => one(id)));
  statements[0]?.fail(away);
  await settled();
  statements[1]?.fail(away);
  expect(await answers).toMatchObject([{ reason: away }, { reason: away }, { reason: away }]);
  const next = one('d');
  expect(asked(statements)).toEqual(['order: a', 'order: b c', 'order: d']);
  statements[2]?.answer();
  expect(await next).toBe('d');
});
