import fc from 'fast-check';
import { expect, test } from 'vitest';
import { account } from '../support/accounts.ts';
import { deleteOf, forEachEngineRole, readOne, writeOf, writeOne } from './engine-roles.ts';

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };

forEachEngineRole('versions', (at) => {
  test('of one key grow strictly under concurrent writers', async () => {
    const { store } = at();
    const writes = Array.from({ length: 60 }, (_, index) =>
      index % 7 === 3
        ? deleteOf(['70'], { version: String(index) })
        : writeOf(account, { ...ada, id: 70, owner: `writer ${index}` }, { version: String(index * 3) }),
    );
    const outcomes = await Promise.all(writes.map((write) => writeOne(store, account, write)));
    const applied = outcomes.flatMap((outcome, index) =>
      outcome.status === 'applied' ? [{ version: BigInt(outcome.version), write: writes[index] }] : [],
    );
    expect(outcomes.filter(({ status }) => status !== 'applied' && status !== 'refused')).toEqual([]);
    expect(new Set(applied.map(({ version }) => version)).size).toBe(applied.length);
    const last = applied.reduce((newest, one) => (one.version > newest.version ? one : newest));
    const stored = await readOne(store, account, ['70']);
    expect(stored.version).toBe(last.version.toString());
    expect(stored.operationId).toBe(last.write?.operationId);
    expect(stored.image).toEqual(last.write?.image);
  });

  test('are the proposal, or one more than the record has', async () => {
    const { store } = at();
    let id = 1_000;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.bigInt({ min: 0n, max: 1n << 60n }), { minLength: 1, maxLength: 6 }),
        async (proposals) => {
          id += 1;
          let stored = 0n;
          for (const proposal of proposals) {
            const write = writeOf(account, { ...ada, id }, { version: proposal.toString() });
            const next = proposal > stored ? proposal : stored + 1n;
            expect(await writeOne(store, account, write)).toEqual({
              status: 'applied',
              version: next.toString(),
            });
            stored = next;
          }
        },
      ),
      { numRuns: 20 },
    );
  });
});
