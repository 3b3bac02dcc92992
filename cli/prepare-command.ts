import type { Command } from 'commander';
import { planCapture, setCapture } from '../client/operator/capture.ts';
import { planPreparation, prepareStores, registerSearchAttributes } from '../client/operator/prepare.ts';
import { releaseTables } from '../client/operator/release.ts';
import { planGrants } from '../client/operator/rights.ts';
import { connectToOperate } from '../client/temporal/operator-connection.ts';
import { type Role, roles } from '../model/account-role.ts';
import { type CliSession, confirmed, openSession } from './session.ts';

export function addPrepareCommand(program: Command): void {
  program
    .command('prepare')
    .description('create control tables and write routines in both stores, and search attributes in Temporal')
    .option('--capture', 'install triggers that record writes made outside Lockstep')
    .option('--no-capture', 'remove those triggers')
    .option('--grants', 'print what each account needs in each store, and nothing more; changes nothing')
    .option('--release', 'give up a migration in legacy-only: end it, and leave its tables to others')
    .action(async ({ capture, grants, release }: PrepareFlags, command: Command) => {
      const session = await openSession(command);
      if (grants) return await printGrants(session);
      if (release) return await giveUp(session);
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
      // First, so that nothing is half prepared because it is away.
      const temporal = await connectToOperate(process.env);
      let registered: string[];
      try {
        await prepareStores(migration, process.env);
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

interface PrepareFlags {
  readonly capture?: boolean;
  readonly grants?: boolean;
  readonly release?: boolean;
}

/** Names of accounts that a person makes, or replaces by their own. */
const accountOf = (role: Role) => `lockstep_${role}`;

async function printGrants({ migration, output }: CliSession): Promise<void> {
  const grants = await planGrants(migration, process.env, accountOf);
  output.result(
    grants,
    (['legacy', 'modern'] as const).flatMap((store) =>
      roles.flatMap((role) => [
        `-- ${store}, ${role}: ${purposes[role]}`,
        ...grants[store][role].map((statement) => `${statement};`),
      ]),
    ),
  );
}

const purposes: Readonly<Record<Role, string>> = {
  prepare: 'lockstep prepare, and prepare --capture',
  worker: 'lockstep worker, and the commands that change something',
  service: 'lockstep.connect',
  touch: 'a service that touches needs this too',
  reader: 'the commands that only look: status, doctor --as reader, plan',
  decommission: 'a worker needs this too when the legacy tables are renamed and dropped',
};

async function giveUp(session: CliSession): Promise<void> {
  const { migration, output } = session;
  if (!(await confirmed(session, `give up ${migration.name}, and leave its tables to others`))) return;
  const temporal = await connectToOperate(process.env);
  try {
    await releaseTables(temporal, migration, process.env);
  } finally {
    await temporal.connection.close();
  }
  output.result({ released: true }, [`${migration.name} is given up; another migration may have its tables`]);
}
