import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrationWorkflowId } from '../../workflows/messages.ts';
import { account } from '../support/accounts.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { environmentOf, lockstep } from '../support/process.ts';
import { until } from '../support/until.ts';

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write', { entities: [account] });
});
afterAll(() => at?.[Symbol.asyncDispose]());

const hostile = '\u001b]0;title\u0007\u001b[2J\u009b1A\u202e\nphase     [decommission]';
const signs = /[^\P{Cc}\n\t]|[\u202a-\u202e]/u;

test('notes, and rows of control tables, have no power over a terminal', async () => {
  const migration = at.temporal.workflow.getHandle(migrationWorkflowId(at.migration.name));
  await migration.signal('pause', { by: hostile, reason: hostile });
  await until('it is paused', async () => (await at.lockstep.control.status()).paused);
  const { name } = at.migration;
  for (const store of ['legacy', 'modern'] as const) {
    const prefix = at.stores[store].engine === 'mysql' ? 'lockstep_' : 'lockstep.';
    const literal = (text: string) => `'${text.replaceAll('\\', '\\\\')}'`;
    await at.sql[store](
      `INSERT INTO ${prefix}differences (migration, entity, record_key, verdict, reason) VALUES (${literal(name)}, 'account', '["7"]', 'missing', ${literal(hostile)})`,
    );
  }
  for (const args of [
    ['status'],
    ['status', '--json'],
    ['differences'],
    ['differences', '--json'],
    ['doctor'],
    ['writes', 'list'],
  ]) {
    const { stdout, stderr } = await lockstep(args, environmentOf(at));
    expect({ args, told: signs.exec(`${stdout}${stderr}`)?.[0] }).toEqual({ args, told: undefined });
    expect(stdout.split('\n')).not.toContainEqual(expect.stringMatching(/^phase {5}\[decommission\]/));
  }
});
