import { examine } from '../../client/operator/doctor.ts';
import { connect } from '../../client/service/connect.ts';
import { type Role, type TriedRole, triedRoles } from '../../model/account-role.ts';
import type { StoreName } from '../../model/failure.ts';
import { bound, journaled, newAccount } from '../../test/support/accounts.ts';
import { advanceTo } from '../../test/support/advance.ts';
import { connectBoth } from '../../test/support/connect-both.ts';
import { until } from '../../test/support/until.ts';
import { WorkerProcess } from '../../test/support/worker-process.ts';
import { atLeast, type Conditions, exactly, type Report, report } from '../report.ts';
import { Workers } from '../support/workers.ts';
import { type AccountsEnvironment, createAccountsEnvironment } from './environment.ts';
import { namesIt, type SingleRight, singleRights } from './printed-grants.ts';

const both = ['legacy', 'modern'] as const;
/** In the short form, of each role in each store. */
const takenInShort = 2;

/**
 * Accounts have what `prepare --grants` prints, and nothing more, not even what everybody has by default. Each does the work of its role;
 * then each of its rights is taken by itself, and `doctor --as ROLE` must name it. In the short form a few of the rights.
 */
export async function accounts({ servers, seed, short, note }: Conditions): Promise<Report> {
  const directions = short ? (['mysql'] as const) : (['mysql', 'postgresql'] as const);
  const tally = { roles: 0, taken: 0, commands: 0 };
  const wrong: string[] = [];
  for (const from of directions) {
    await using at = await createAccountsEnvironment(servers, from);
    note(`accounts are made, with legacy at ${from}`);
    for (const role of triedRoles) {
      tally.roles += 1;
      for (const store of both) {
        const rights = at.granted[store][role].flatMap(singleRights);
        for (const right of short ? some(rights, takenInShort, seed) : rights) {
          tally.taken += 1;
          const fault = await faultWithout(at, role, store, right);
          if (fault !== null)
            wrong.push(`${role} in ${store} without ${right.verb} on ${right.on}: ${fault}`);
        }
      }
    }
    note(`${tally.taken} rights were taken`);
    wrong.push(...(await work(at, tally)));
    note('each role has done its work');
  }
  return report(
    'accounts',
    seed,
    [
      exactly('rights that doctor does not name, and work that was refused', 0, wrong.length),
      exactly('roles that were tried', triedRoles.length * directions.length, tally.roles),
      atLeast('rights that were taken', short ? 14 : 300, tally.taken),
      atLeast('commands of operators that ran', 8 * directions.length, tally.commands),
    ],
    { ...tally, wrong },
  );
}

/** Null where doctor names the right that was taken. */
async function faultWithout(
  at: AccountsEnvironment,
  role: TriedRole,
  store: StoreName,
  right: SingleRight,
): Promise<string | null> {
  await at.sql[store](right.take);
  const told = await faultsOf(at, role).finally(() => at.sql[store](right.give));
  if (told.some((line) => line.startsWith(store) && namesIt(right, line))) return null;
  return told.length === 0 ? 'doctor is content' : told.join(' | ');
}

/** What doctor does not like, a line each. */
async function faultsOf(at: AccountsEnvironment, role: TriedRole): Promise<string[]> {
  const findings = await examine(at.migration, at.environmentOf(role), role);
  return findings.filter(({ ok }) => !ok).map(({ about, check, found }) => `${about} ${check}: ${found}`);
}

/** Each role does what it is for, from the first write to the dropped tables. Gives what was refused. */
async function work(at: AccountsEnvironment, tally: { commands: number }): Promise<string[]> {
  const refused: string[] = [];
  const command = async (role: Role, ...args: readonly string[]) => {
    tally.commands += 1;
    const { code, stdout, stderr } = await at.command(role, ...args);
    // Owed work and differences are 2.
    if (code !== 0 && code !== 2)
      refused.push(`${role}: ${args.join(' ')} ends with ${code}: ${stdout}${stderr}`);
  };
  await using resources = new AsyncDisposableStack();
  const workers = resources.use(
    new Workers(at.migration.name, at.environmentOf('worker'), WorkerProcess.start),
  );
  const worker = await workers.start();
  await worker.ready();
  await command('worker', 'start', '--yes');
  const lockstep = resources.use(
    await connectBoth(at.migration, { environment: at.environmentOf('worker'), temporal: at.temporal }),
  );
  const service = resources.use(
    await connect(at.migration, { environment: at.environmentOf('service'), temporal: at.temporal }),
  );
  await advanceTo(lockstep, 'dual-write');
  const people = service.repository(journaled);
  const ledgers = service.repository(bound);
  const written = newAccount();
  const held = newAccount();
  await people.create(written);
  await people.update(written.id, { balance: '7.00' });
  await ledgers.create(held);
  await service.transaction((tx) => [tx(bound).update(held.id, { balance: '2.00' })]);
  await (await service.readsFrom(journaled)).query('SELECT 1');
  await at.touch(service, written.id);
  for (const args of ['status', 'plan', 'differences', 'journal list', 'writes list', 'doctor --as reader'])
    await command('reader', ...args.split(' '));
  await advanceTo(lockstep, 'validate');
  await command('worker', 'reconcile', '--repair', '--yes');
  await command('worker', 'validate', '--full');
  await advanceTo(lockstep, 'modern-only');
  await people.create(newAccount());
  await until('all of it is in modern', async () => {
    const [row] = await at.sql.modern('SELECT COUNT(*) AS n FROM accounts');
    return Number(row?.n) === 4;
  });
  await at.grant('decommission', 'worker');
  await command('worker', 'decommission', '--yes', '--watch-seconds', '0');
  await command('worker', 'status');
  await until('the legacy tables are renamed', async () => {
    const { stdout } = await at.command('worker', 'status', '--json');
    return JSON.parse(stdout).phase === 'decommissioned';
  });
  const left = await at.sql.legacy('SELECT 1 FROM accounts').catch(() => null);
  if (left !== null) refused.push('decommission: the legacy tables have their names still');
  return refused;
}

/** So many, from a place that the seed decides. */
function some<T>(all: readonly T[], most: number, seed: number): readonly T[] {
  const step = Math.max(1, all.length / most);
  return all.filter((_, at) => Math.floor((at + seed) / step) !== Math.floor((at + seed - 1) / step));
}
