import type { Command } from 'commander';
import { registerSearchAttributes } from '../client/search-attributes.ts';
import { connectTemporal } from '../client/temporal.ts';
import { openStores } from '../databases/open.ts';
import { confirmed, openSession } from './session.ts';

export function addPrepareCommand(program: Command): void {
  program
    .command('prepare')
    .description('create control tables and write routines in both stores, and search attributes in Temporal')
    .action(async (_: unknown, command: Command) => {
      const session = await openSession(command);
      const { migration, options, output } = session;
      const stores = openStores(migration, process.env);
      try {
        const plan = { legacy: await stores.legacy.plan(), modern: await stores.modern.plan() };
        if (options.dryRun) {
          output.result({ dryRun: true, ...plan }, [
            `-- legacy, ${stores.legacy.address}`,
            ...plan.legacy,
            `-- modern, ${stores.modern.address}`,
            ...plan.modern,
          ]);
          return;
        }
        const count = plan.legacy.length + plan.modern.length;
        if (
          !(await confirmed(
            session,
            `run ${count} statements in ${stores.legacy.address} and ${stores.modern.address}`,
          ))
        )
          return;
        await stores.legacy.prepare();
        await stores.modern.prepare();
        const temporal = await connectTemporal(process.env);
        const registered = await registerSearchAttributes(temporal).finally(() =>
          temporal.connection.close(),
        );
        output.result({ prepared: true, statements: count, searchAttributes: registered }, [
          `prepared ${stores.legacy.address} and ${stores.modern.address}`,
          `search attributes: ${registered.length > 0 ? `added ${registered.join(', ')}` : 'there already'}`,
        ]);
      } finally {
        await stores.legacy.close();
        await stores.modern.close();
      }
    });
}
