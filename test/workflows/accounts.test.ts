import { afterAll, beforeAll, expect, test } from 'vitest';
import { examine } from '../../client/operator/doctor.ts';
import { prepareStores } from '../../client/operator/prepare.ts';
import { planGrants } from '../../client/operator/rights.ts';
import { openStores } from '../../databases/open.ts';
import { type Role, type TriedRole, triedRoles } from '../../model/account-role.ts';
import type { StoreName } from '../../model/failure.ts';
import { type RunningWorker, runWorker } from '../../workers/worker.ts';
import { journaled, newAccount } from '../support/accounts.ts';
import { type Connected, connectBoth } from '../support/connect-both.ts';
import { advanceTo, type Fixture, fixture } from '../support/harness.ts';
import { until } from '../support/until.ts';

const password = 'invented';
const both = ['legacy', 'modern'] as const;

let at: Fixture;
let lockstep: Connected;
let worker: RunningWorker;
/** As a role's account connects to both stores. */
const environments = new Map<Role, NodeJS.ProcessEnv>();
const made: [StoreName, string][] = [];

async function run(store: StoreName, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await at.sql[store](statement);
}

const isPostgresql = (store: StoreName) => at.stores[store].engine === 'postgresql';

/** Accounts with nothing but what `prepare --grants` prints. */
async function createAccount(role: Role, id: string): Promise<void> {
  const name = `lockstep_${role}_${id}`;
  const environment = { ...at.environment };
  for (const store of both) {
    const subject = isPostgresql(store) ? `"${name}"` : `'${name}'@'127.0.0.1'`;
    const create = isPostgresql(store)
      ? `CREATE ROLE ${subject} LOGIN PASSWORD '${password}'`
      : `CREATE USER ${subject} IDENTIFIED BY '${password}'`;
    await run(store, [create]);
    made.push([store, subject]);
    const variable = store === 'legacy' ? 'LOCKSTEP_LEGACY_URL' : 'LOCKSTEP_MODERN_URL';
    const url = new URL(at.environment[variable] ?? '');
    url.username = name;
    url.password = password;
    environment[variable] = url.href;
  }
  environments.set(role, environment);
}

async function grant(roles: readonly Role[], id: string): Promise<void> {
  for (const role of roles) {
    const grants = await planGrants(at.migration, at.environment, (of) => `lockstep_${of}_${id}`);
    for (const store of both)
      await run(
        store,
        grants[store][role].map((statement) => statement.replace(/@'%'$/, "@'127.0.0.1'")),
      );
  }
}

const environmentOf = (role: Role) => environments.get(role) ?? {};

beforeAll(async () => {
  at = await fixture({ entities: [journaled], unprepared: true });
  const id = at.migration.name.slice(-8);
  for (const role of ['prepare', ...triedRoles] as const) await createAccount(role, id);
  await grant(['prepare'], id);
  await prepareStores(at.migration, environmentOf('prepare'));
  await grant(triedRoles, id);
  worker = await runWorker({
    migration: at.migration,
    environment: environmentOf('worker'),
    log: () => undefined,
  });
  lockstep = await connectBoth(at.migration, {
    environment: environmentOf('service'),
    temporal: at.temporal,
  });
  await lockstep.control.start();
});
afterAll(async () => {
  await lockstep?.close();
  await worker?.shutdown();
  for (const [store, subject] of made) {
    if (isPostgresql(store))
      await run(store, [
        `REASSIGN OWNED BY ${subject} TO CURRENT_USER`,
        `DROP OWNED BY ${subject}`,
        `DROP ROLE ${subject}`,
      ]);
    else await run(store, [`DROP USER ${subject}`]);
  }
  await at?.[Symbol.asyncDispose]();
});

test('a migration runs, from the first write to the last phase before the end, under accounts with just their rights', async () => {
  await run('legacy', [
    "INSERT INTO accounts (id, owner, balance) VALUES (1, 'there before', 1.00), (2, 'too', 2.00)",
  ]);
  const accounts = lockstep.repository(journaled);
  await advanceTo(lockstep, 'dual-write');
  const written = newAccount();
  await accounts.create(written);
  await accounts.update(written.id, { balance: '7.00' });
  await advanceTo(lockstep, 'modern-only');
  await accounts.create(newAccount());
  await until('all of it is in modern', async () => {
    const [row] = await at.sql.modern('SELECT COUNT(*) AS n FROM accounts');
    return Number(row?.n) === 4;
  });
  expect(await accounts.get(written.id)).toMatchObject({ value: { balance: '7.00' } });
});

test.each(triedRoles)('every right of a %s is found, and one that is missing is named', async (role) => {
  const stores = openStores(at.migration, environmentOf(role));
  try {
    for (const store of both) {
      expect(await stores[store].missingRights(role)).toEqual([]);
      const name = new URL(environmentOf(role).LOCKSTEP_LEGACY_URL ?? '').username;
      const records = isPostgresql(store) ? 'lockstep.records' : 'lockstep_records';
      const subject = isPostgresql(store) ? `"${name}"` : `'${name}'@'127.0.0.1'`;
      await run(store, [`REVOKE SELECT ON ${records} FROM ${subject}`]);
      expect(await stores[store].missingRights(role)).toEqual([expect.stringContaining(`${records}`)]);
      await run(store, [`GRANT SELECT ON ${records} TO ${subject}`]);
      expect(await stores[store].missingRights(role)).toEqual([]);
    }
  } finally {
    await stores.legacy.close();
    await stores.modern.close();
  }
});

test('rights beside those on tables are tried too', async () => {
  const missingAs = async (role: TriedRole) => {
    const stores = openStores(at.migration, environmentOf(role));
    try {
      return {
        legacy: await stores.legacy.missingRights(role),
        modern: await stores.modern.missingRights(role),
      };
    } finally {
      await stores.legacy.close();
      await stores.modern.close();
    }
  };
  const name = (role: Role) => new URL(environmentOf(role).LOCKSTEP_LEGACY_URL ?? '').username;
  const [row] = await at.sql.modern('SELECT current_database() AS database');
  const { database } = row ?? {};
  const inMysql = `\`${database?.replaceAll('_', '\\_')}\`.*`;
  for (const [role, store, right, on, missing] of [
    ['worker', 'modern', 'TEMPORARY', `DATABASE ${database}`, `TEMPORARY on database ${database}`],
    [
      'worker',
      'legacy',
      'CREATE TEMPORARY TABLES',
      inMysql,
      `CREATE TEMPORARY TABLES on database ${database}`,
    ],
    ['touch', 'modern', 'USAGE', 'SCHEMA public', 'USAGE on schema public'],
    ['reader', 'legacy', 'EXECUTE', inMysql, 'EXECUTE for account'],
    ['touch', 'legacy', 'EXECUTE', inMysql, 'EXECUTE for account'],
  ] as const) {
    const subject = store === 'modern' ? `"${name(role)}"` : `'${name(role)}'@'127.0.0.1'`;
    if (store === 'modern') await run(store, [`REVOKE ${right} ON ${on} FROM PUBLIC`]);
    await run(store, [`REVOKE ${right} ON ${on} FROM ${subject}`]);
    expect((await missingAs(role))[store]).toEqual([missing]);
    await run(store, [`GRANT ${right} ON ${on} TO ${subject}`]);
    expect(await missingAs(role)).toEqual({ legacy: [], modern: [] });
  }
});

test('doctor looks only at what an account for touches needs', async () => {
  const findings = await examine(at.migration, environmentOf('touch'), 'touch');
  expect(findings.filter(({ ok }) => !ok)).toEqual([]);
  expect(findings.filter(({ check }) => check.startsWith('rights'))).toHaveLength(2);
  expect(new Set(findings.map(({ about }) => about))).toEqual(new Set(['legacy', 'modern']));
  expect(findings.map(({ check }) => check)).not.toContain('prepared');
});

test('each verb is tried, and an account with the schema alone is told of it', async () => {
  const stores = openStores(at.migration, environmentOf('reader'));
  try {
    expect(await stores.modern.missingRights('worker')).toEqual(
      expect.arrayContaining([
        'INSERT on accounts',
        'DELETE on lockstep.state',
        'UPDATE on lockstep.records',
      ]),
    );
    expect(await stores.legacy.missingRights('worker')).toEqual(
      expect.arrayContaining([
        'INSERT on accounts',
        'DELETE on lockstep_state',
        'UPDATE on lockstep_records',
      ]),
    );
  } finally {
    await stores.legacy.close();
    await stores.modern.close();
  }
});
