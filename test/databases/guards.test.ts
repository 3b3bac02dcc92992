import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { account } from '../support/accounts.ts';
import {
  type EngineRole,
  engineRoles,
  fence,
  migrationName,
  type Opened,
  openRole,
  operationId,
  readOne,
  routinesOf,
  writeOf,
  writeOne,
} from './engine-roles.ts';

/**
 * What each guard of the generated routines is for, shown by taking it out: what holds with it does not hold without it. The
 * tests about a guard are elsewhere: idempotency, follow, abort, fence, versions.
 */
interface Guard {
  readonly name: string;
  /** What is replaced in the routine, so that the guard is gone. */
  readonly without: Readonly<Record<EngineRole['engine'], readonly [string, string]>>;
  /** Whether what the guard is for holds. */
  readonly holds: (at: Opened) => Promise<boolean>;
}

const ada = { id: 1, owner: 'Ada', email: null, balance: '1.00' };
const secondaryWrite = { mode: 'secondary', operationId: null } as const;

const guards: readonly Guard[] = [
  {
    name: 'operation id',
    without: {
      PostgreSQL: ['IF i.operation IS NOT NULL THEN', 'IF false THEN'],
      MariaDB: ['IF p_operation IS NOT NULL THEN', 'IF FALSE THEN'],
    },
    async holds({ store }) {
      const write = writeOf(account, ada);
      await writeOne(store, account, write);
      await writeOne(store, account, write);
      return (await readOne(store, account, ['1'])).version === '1';
    },
  },
  {
    name: 'version check of a following write',
    without: {
      PostgreSQL: ['ELSIF i.version < v_stored OR', 'ELSIF false AND'],
      MariaDB: ['ELSEIF p_version < v_stored OR', 'ELSEIF FALSE AND'],
    },
    async holds(at) {
      await at.asSecondary();
      await writeOne(
        at.store,
        account,
        writeOf(account, { ...ada, owner: 'new' }, { ...secondaryWrite, version: '5' }),
      );
      await writeOne(
        at.store,
        account,
        writeOf(account, { ...ada, owner: 'old' }, { ...secondaryWrite, version: '4' }),
      );
      const { version, image } = await readOne(at.store, account, ['1']);
      return version === '5' && image?.owner === 'new';
    },
  },
  {
    name: 'abort marker',
    without: {
      PostgreSQL: [
        'IF NOT FOUND THEN\n        SELECT o.* INTO v_known',
        `IF NOT FOUND AND NOT EXISTS (SELECT FROM lockstep.operations o WHERE o.id = i.operation AND o.status = 'aborted') THEN
        SELECT o.* INTO v_known`,
      ],
      MariaDB: [
        'IF v_known THEN',
        `IF v_known AND NOT EXISTS (SELECT 1 FROM lockstep_operations o WHERE o.id = p_operation AND o.status = 'aborted') THEN`,
      ],
    },
    async holds({ store }) {
      const write = writeOf(account, ada, { operationId: operationId() });
      const entry = { id: write.operationId ?? '', entity: 'account', key: write.key, kind: 'replace' };
      await store.abort(entry, migrationName);
      await writeOne(store, account, write);
      return (await readOne(store, account, ['1'])).image === null;
    },
  },
  {
    name: 'fence',
    without: {
      PostgreSQL: ['IF v_state.epoch IS DISTINCT FROM p_epoch', 'IF false'],
      MariaDB: ['IF NOT (v_epoch <=> p_epoch)', 'IF FALSE'],
    },
    async holds(at) {
      await at.asPrimary(2);
      await writeOne(at.store, account, writeOf(account, ada), fence);
      return (await readOne(at.store, account, ['1'])).image === null;
    },
  },
  {
    name: 'version above the one before',
    without: {
      PostgreSQL: ['greatest(i.version, v_stored + 1)', 'i.version'],
      MariaDB: ['GREATEST(p_version, v_stored + 1)', 'p_version'],
    },
    async holds({ store }) {
      await writeOne(store, account, writeOf(account, ada, { version: '9' }));
      await writeOne(store, account, writeOf(account, { ...ada, owner: 'late' }, { version: '3' }));
      return (await readOne(store, account, ['1'])).version === '10';
    },
  },
];

describe.each(engineRoles.filter(({ role }) => role === 'legacy'))('at $engine', (engineRole) => {
  let at: Opened;
  beforeEach(async () => {
    at = await openRole(engineRole);
  });
  afterEach(() => at[Symbol.asyncDispose]());

  test.each(guards)('$name: it holds', async ({ holds }) => {
    expect(await holds(at)).toBe(true);
  });

  test.each(guards)('$name: without it, it does not', async ({ without, holds }) => {
    await replaceRoutine(at, ...without[engineRole.engine]);
    expect(await holds(at)).toBe(false);
  });
});

/** Creates the routine of accounts as it is generated, but for one place. */
async function replaceRoutine(
  { sql, engineRole, url }: Opened,
  guard: string,
  instead: string,
): Promise<void> {
  const name =
    engineRole.engine === 'PostgreSQL'
      ? 'FUNCTION lockstep."write_account"'
      : 'PROCEDURE `lockstep_write_account`';
  const routine = (await routinesOf(engineRole.role, url, account)).find((statement) =>
    statement.includes(`${name}(p_`),
  );
  if (!routine?.includes(guard)) throw new Error(`no routine has "${guard}"`);
  if (engineRole.engine === 'MariaDB') await sql('DROP PROCEDURE `lockstep_write_account`');
  await sql(routine.replace(guard, instead));
}
