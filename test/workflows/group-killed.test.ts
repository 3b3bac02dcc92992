import { expect, test } from 'vitest';
import type { StoreName } from '../../model/failure.ts';
import { account, newAccount } from '../support/accounts.ts';
import { advanceTo, connectAndStart, fixture } from '../support/harness.ts';
import { drained, entryIn, rowsOf, versionsOf } from '../support/inspect.ts';
import { codesOf } from '../support/outcomes.ts';
import { environmentOf, workerProcess } from '../support/process.ts';

// Side by side: most of their time they wait until Temporal misses a worker.
test.concurrent.each(['mysql', 'postgresql'] as const)(
  'a group whose worker is killed before the commit, and after it, is done once (from %s)',
  async (from) => {
    await using at = await fixture({ from });
    let worker = await workerProcess(environmentOf(at));
    try {
      const lockstep = await connectAndStart(at);
      await advanceTo(lockstep, 'dual-write');
      const accounts = lockstep.repository(account);
      const existing = [newAccount(), newAccount(), newAccount()] as const;
      const [held, changed, deleted] = existing;
      await Promise.all(existing.map((value) => accounts.create(value, { ack: 'both' })));
      const fresh = [newAccount(), newAccount(), newAccount(), newAccount()];

      const hold = async (store: StoreName) => {
        const other = await at.another(store);
        await other.rows('BEGIN');
        await other.rows(`SELECT id FROM accounts WHERE id = ${held.id} FOR UPDATE`);
        return other;
      };
      const [atLegacy, atModern] = [await hold('legacy'), await hold('modern')];
      const watchers = { legacy: await at.another('legacy'), modern: await at.another('modern') };

      const idOf = (name: string | number) => `${at.migration.name}-${name}`;
      // Temporal takes a while to miss a worker that was killed, and refuses questions meanwhile.
      const both = (name: string | number) =>
        ({ ack: 'both', operationId: idOf(name), timeoutMs: 240_000 }) as const;
      const sent = Promise.allSettled([
        accounts.replace({ ...held, owner: 'replaced' }, both('held')),
        accounts.update(changed.id, { owner: 'updated' }, both('changed')),
        accounts.delete(deleted.id, both('deleted')),
        accounts.create({ ...changed }, both('refused')),
        ...fresh.map((value) => accounts.create(value, both(value.id))),
      ]);
      await watchers.legacy.waiting();
      await worker.kill();
      await atLegacy.rows('ROLLBACK');
      worker = await workerProcess(environmentOf(at));
      await watchers.modern.waiting();
      expect((await at.stores.legacy.journalBacklog(at.migration.name)).pending).toBeGreaterThan(0);
      await worker.kill();
      await atModern.rows('ROLLBACK');
      worker = await workerProcess(environmentOf(at));

      const results = await sent;
      expect(codesOf(results)).toEqual(['done', 'done', 'done', 'AlreadyExists', ...fresh.map(() => 'done')]);
      await drained(at);
      const versions = results.map((one) => (one.status === 'fulfilled' ? one.value.version : null));
      const [heldVersion, changedVersion, deletedVersion, , ...freshVersions] = versions;
      // A second effect would have given the record another version than its caller was told.
      expect(await versionsOf(at, account, held.id)).toEqual([heldVersion, heldVersion]);
      expect(await versionsOf(at, account, changed.id)).toEqual([changedVersion, changedVersion]);
      expect(await versionsOf(at, account, deleted.id)).toEqual([deletedVersion, deletedVersion]);
      for (const [index, { id, owner }] of fresh.entries()) {
        expect(await versionsOf(at, account, id)).toEqual([freshVersions[index], freshVersions[index]]);
        expect((await rowsOf(at, 'accounts', id)).map((row) => row?.owner)).toEqual([owner, owner]);
        expect(await entryIn(at, 'legacy', idOf(id))).toMatchObject({ status: 'completed' });
      }
      const ownersOf = async (id: number) => (await rowsOf(at, 'accounts', id)).map((row) => row?.owner);
      expect(await ownersOf(held.id)).toEqual(['replaced', 'replaced']);
      expect(await ownersOf(changed.id)).toEqual(['updated', 'updated']);
      expect(await rowsOf(at, 'accounts', deleted.id)).toEqual([null, null]);
      expect(await entryIn(at, 'legacy', idOf('refused'))).toMatchObject({ status: 'failed' });
    } finally {
      await worker.kill();
    }
  },
);
