import { DBOS } from '@dbos-inc/dbos-sdk';
import type { Account } from '../../proofs/account/account.ts';
import { openUpserts, type Upserts } from '../writes/upserts.ts';
import type { OpenWay, Place } from '../writes/way.ts';

/** DBOS in the service's own process, with its tables in a schema of the modern database. */
export async function openDbos(
  { stores, migration }: Place,
  schema: string,
  steps: (upserts: Upserts, account: Account) => Promise<void>,
): Promise<OpenWay> {
  const upserts = openUpserts(stores);
  DBOS.setConfig({
    name: `${migration}-${schema}`,
    systemDatabaseUrl: stores.modern,
    systemDatabaseSchemaName: schema,
    systemDatabasePoolSize: 32,
    logLevel: 'error',
  });
  const write = DBOS.registerWorkflow((account: Account) => steps(upserts, account), { name: 'writeBoth' });
  await DBOS.launch();
  return {
    // By itself: as a method it would be called on an object that DBOS does not know.
    write: (account) => write(account),
    async [Symbol.asyncDispose]() {
      await DBOS.shutdown();
      await upserts[Symbol.asyncDispose]();
    },
  };
}
