import { expect, test } from 'vitest';
import { Completions } from '../../activities/write/completions.ts';

/** Journals of which each statement ends when the test says so. */
function journals() {
  const statements: { ids: readonly string[]; end: PromiseWithResolvers<void> }[] = [];
  const store = {
    setOperationStatus: (ids: readonly string[]) => {
      const end = Promise.withResolvers<void>();
      statements.push({ ids, end });
      return end.promise;
    },
  };
  const completions = new Completions({ legacy: store, modern: store });
  return { completions, statements };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('while a statement is under way, what comes gathers for the next one', async () => {
  const { completions, statements } = journals();
  const all = ['a', 'b', 'c'].map((id) => completions.complete('legacy', [id]));
  await settled();
  expect(statements.map(({ ids }) => ids)).toEqual([['a']]);
  statements[0]?.end.resolve();
  await all[0];
  await settled();
  expect(statements.map(({ ids }) => ids)).toEqual([['a'], ['b', 'c']]);
  const next = completions.complete('legacy', ['d']);
  statements[1]?.end.resolve();
  await Promise.all(all);
  await settled();
  statements[2]?.end.resolve();
  await next;
  expect(statements.map(({ ids }) => ids)).toEqual([['a'], ['b', 'c'], ['d']]);
});

test('a failure is for those that share its statement', async () => {
  const { completions, statements } = journals();
  const failing = completions.complete('legacy', ['a']);
  const next = completions.complete('legacy', ['b']);
  await settled();
  statements[0]?.end.reject(new Error('away'));
  await expect(failing).rejects.toThrow('away');
  await settled();
  statements[1]?.end.resolve();
  await next;
});
