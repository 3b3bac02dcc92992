import { PgBoss } from 'pg-boss';
import type { Account } from '../../proofs/account/account.ts';
import { openUpserts } from '../writes/upserts.ts';
import type { Open } from '../writes/way.ts';

const queue = 'outbox';
const connections = 16;
const batch = 100;

/**
 * An outbox: row and job in one transaction of PostgreSQL, which is therefore the primary here, and a relay in the same process that
 * brings the rows to the other store. It knows no order of the writes of a key, and nothing of a row that the other store refuses.
 */
export const open: Open = async ({ stores }) => {
  const upserts = openUpserts(stores);
  const boss = new PgBoss({
    connectionString: stores.modern,
    max: connections,
    schedule: false,
    useListenNotify: true,
  });
  boss.on('error', (error) => console.error(error));
  await boss.start();
  await boss.createQueue(queue, { notify: true });
  let owed = 0;
  let settled = () => {};
  await boss.work<Account>(
    queue,
    {
      batchSize: batch,
      localConcurrency: 2,
      pollingIntervalSeconds: 0.5,
      notifyPollingIntervalSeconds: 0.5,
      burstWhenBatchFull: true,
    },
    async (jobs) => {
      await Promise.all(jobs.map(({ data }) => upserts.legacy(data)));
      owed -= jobs.length;
      if (owed === 0) settled();
    },
  );
  return {
    async write(account) {
      const client = await upserts.modernPool.connect();
      try {
        await client.query('BEGIN');
        await upserts.modernIn(client, account);
        owed += 1;
        await boss.send(queue, account, {
          db: { executeSql: (text, values) => client.query(text, values) },
        });
        await client.query('COMMIT');
      } finally {
        client.release();
      }
    },
    async drained() {
      if (owed === 0) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      settled = resolve;
      await promise;
    },
    async [Symbol.asyncDispose]() {
      await boss.stop({ graceful: false });
      await upserts[Symbol.asyncDispose]();
    },
  };
};
