import { expect, test } from 'vitest';
import type { Activities } from '../../activities/index.ts';
import type { Ack } from '../../model/entity.ts';
import type { WriteInput } from '../../model/operation.ts';
import { Ahead } from '../../workers/ahead.ts';
import { WriteAhead } from '../../workers/write-ahead.ts';

const never = new Promise<never>(() => {});

/** A worker whose other store does not answer, or refuses. */
function worker(other: 'silent' | 'refuses' | 'takes') {
  const activities = {
    writePrimary: async (_input: unknown, { alone = false } = {}) => ({
      status: 'applied',
      version: '7',
      // Whoever does not see to the other store himself waits for it.
      ...(alone ? {} : await never),
    }),
    writeGroupAtPrimary: async ({ operations }: { operations: unknown[] }) => ({
      decisions: operations.map(() => ({ status: 'applied', version: '7' })),
      timing: { startedAtMs: 0, tookMs: 0 },
    }),
    replicateToSecondary: async () =>
      other === 'silent' ? await never : { status: other === 'takes' ? 'applied' : 'refused' },
    replicateGroup: async ({ owed }: { owed: unknown[] }) =>
      other === 'silent' ? await never : owed.map(() => (other === 'takes' ? 'applied' : 'apart')),
  };
  return new WriteAhead(activities as unknown as Activities, new Ahead());
}

function inputs(ack: Ack, count: number): readonly [WriteInput, ...WriteInput[]] {
  const made = Array.from({ length: count }, (_, at) => {
    const operation = { id: `w${at}`, entity: 'account', kind: 'create', key: [at], image: {} };
    return { operation, ack, route: { epoch: 1, primary: 'legacy', secondary: 'modern' } };
  });
  return made as unknown as readonly [WriteInput, ...WriteInput[]];
}

for (const count of [1, 2]) {
  test(`with \`primary\`, ${count} are the primary's, and owed to a store that is silent or refuses`, async () => {
    for (const other of ['silent', 'refuses'] as const) {
      const found = await worker(other).write(inputs('primary', count), 60_000);
      expect(found).toHaveLength(count);
      for (const write of found) {
        expect(write).toMatchObject({
          isOwed: true,
          answer: { version: '7' },
          input: { operation: { image: {} } },
        });
        expect(write?.input.decided).toBeUndefined();
      }
    }
  });

  test(`with \`both\`, a workflow is asked for ${count} that the other store refuses`, async () => {
    expect(await worker('refuses').write(inputs('both', count), 60_000)).toEqual(Array(count).fill(null));
  });

  test(`what both stores have of ${count} is owed to none, and needs no image`, async () => {
    for (const ack of ['primary', 'both'] as const) {
      for (const write of await worker('takes').write(inputs(ack, count), 60_000))
        expect(write).toMatchObject({ isOwed: false, input: { decided: '7', operation: { image: null } } });
    }
  });
}
