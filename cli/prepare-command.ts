import type { Command } from 'commander';
import { planCapture, setCapture } from '../client/operator/capture.ts';
import { planPreparation, prepareStores, registerSearchAttributes } from '../client/operator/prepare.ts';
import { connectTemporal } from '../client/temporal/connection.ts';
import { confirmed, openSession } from './session.ts';

export function addPrepareCommand(program: Command): void {
  program
    .command('prepare')
    .description('create control tables and write routines in both stores, and search attributes in Temporal')
    .option('--capture', 'install triggers that record writes made outside Lockstep')
    .option('--no-capture', 'remove those triggers')
    .action(async ({ capture }: { capture?: boolean }, command: Command) => {
      const session = await openSession(command);
      const { migration, options, output } = session;
      const { addresses, statements: own } = await planPreparation(migration, process.env);
      const triggers =
        capture === undefined
          ? { legacy: [], modern: [] }
          : await planCapture(migration, process.env, capture);
      const statements = {
        legacy: [...own.legacy, ...triggers.legacy],
        modern: [...own.modern, ...triggers.modern],
      };
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
      let registered: string[];
      try {
        registered = await registerSearchAttributes(temporal);
        if (capture !== undefined) await setCapture(temporal, migration, process.env, capture);
      } finally {
        await temporal.connection.close();
      }
      output.result({ prepared: true, statements: count, searchAttributes: registered }, [
        `prepared ${addresses.legacy} and ${addresses.modern}`,
        `search attributes: ${registered.length > 0 ? `added ${registered.join(', ')}` : 'already present'}`,
      ]);
    });
}
