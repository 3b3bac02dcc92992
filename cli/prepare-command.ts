import type { Command } from 'commander';
import { planPreparation, prepareStores, registerSearchAttributes } from '../client/prepare.ts';
import { connectTemporal } from '../client/temporal.ts';
import { confirmed, openSession } from './session.ts';

export function addPrepareCommand(program: Command): void {
  program
    .command('prepare')
    .description('create control tables and write routines in both stores, and search attributes in Temporal')
    .action(async (_: unknown, command: Command) => {
      const session = await openSession(command);
      const { migration, options, output } = session;
      const { addresses, statements } = await planPreparation(migration, process.env);
      if (options.dryRun) {
        output.result({ dryRun: true, ...statements }, [
          `-- legacy, ${addresses.legacy}`,
          ...statements.legacy,
          `-- modern, ${addresses.modern}`,
          ...statements.modern,
        ]);
        return;
      }
      const count = statements.legacy.length + statements.modern.length;
      const what = `run ${count} statements in ${addresses.legacy} and ${addresses.modern}`;
      if (!(await confirmed(session, what))) return;
      await prepareStores(migration, process.env);
      const temporal = await connectTemporal(process.env);
      const registered = await registerSearchAttributes(temporal).finally(() => temporal.connection.close());
      output.result({ prepared: true, statements: count, searchAttributes: registered }, [
        `prepared ${addresses.legacy} and ${addresses.modern}`,
        `search attributes: ${registered.length > 0 ? `added ${registered.join(', ')}` : 'there already'}`,
      ]);
    });
}
