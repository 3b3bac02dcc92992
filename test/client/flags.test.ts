import {
  InMemoryProvider,
  OpenFeature,
  type Provider,
  type ResolutionDetails,
} from '@openfeature/server-sdk';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { dualWriteFlag, openFeatureFlags, readModernFlag } from '../../client/service/flags.ts';
import { flagContext } from '../../client/service/targeting-key.ts';
import { isInRollout, stickyHash } from '../../model/rollout.ts';
import { account, flagged, newAccount } from '../support/accounts.ts';
import { advanceTo, bringTo, type RunningMigration, runningMigration } from '../support/harness.ts';
import { rowIn } from '../support/inspect.ts';
import { until } from '../support/until.ts';

// A provider that hangs would hold a test for as long as it may take.
vi.setConfig({ testTimeout: 60_000 });

let at: RunningMigration;
beforeAll(async () => {
  at = await runningMigration('dual-write');
});
beforeEach(async () => {
  await bringTo(at.lockstep, 'dual-write');
  await at.lockstep.control.setWritePercent(100);
  for (const store of ['legacy', 'modern'] as const)
    for (const table of ['accounts', 'flagged']) await at.sql[store](`DELETE FROM ${table}`);
});
afterAll(async () => {
  await OpenFeature.clearProviders();
  await at?.[Symbol.asyncDispose]();
});

let domains = 0;

/** A service whose flags come from a provider of its own. */
async function connectWith(provider: Provider) {
  domains += 1;
  const domain = `domain-${domains}`;
  await OpenFeature.setProviderAndWait(domain, provider);
  return await at.connect({ flags: openFeatureFlags(OpenFeature.getClient(domain)), flagTimeoutMs: 300 });
}

const switches = (flag: string, on: boolean) =>
  new InMemoryProvider({
    [flag]: { variants: { on: true, off: false }, defaultVariant: on ? 'on' : 'off', disabled: false },
  });

/** Answers no question, and remembers what it was asked about. */
class Broken extends InMemoryProvider {
  readonly asked: unknown[] = [];
  override async resolveBooleanEvaluation(
    _flag: string,
    _fallback: boolean,
    context: unknown,
  ): Promise<never> {
    this.asked.push(context);
    throw new Error('the flag service is down');
  }
}

/** Takes every question, and never answers. */
class Hanging extends InMemoryProvider {
  override async resolveBooleanEvaluation(): Promise<never> {
    return await new Promise(() => undefined);
  }
}

/** Answers with something that is neither true nor false. */
class Nonsensical extends InMemoryProvider {
  override async resolveBooleanEvaluation(): Promise<ResolutionDetails<boolean>> {
    return JSON.parse('{ "value": "perhaps" }');
  }
}

test.each([true, false])('the provider decides whether a key is written to both: %s', async (on) => {
  const records = (await connectWith(switches(dualWriteFlag, on))).repository(flagged);
  const value = newAccount();
  await records.create(value, { ack: 'both' });
  expect((await rowIn(at, 'modern', 'flagged', value.id)) !== null).toBe(on);
});

test.each([0, 100])(
  'a provider that fails leaves the decision to the durable share of %s',
  async (percent) => {
    await at.lockstep.control.setWritePercent(percent);
    const provider = new Broken();
    const records = (await connectWith(provider)).repository(flagged);
    const value = newAccount();
    await records.create(value, { ack: 'both' });
    expect((await rowIn(at, 'modern', 'flagged', value.id)) !== null).toBe(percent === 100);
    const text = `flagged\u0000["${value.id}"]`;
    expect(provider.asked).toMatchObject([
      { targetingKey: stickyHash(text).toString(16), entity: 'flagged' },
    ]);
    expect(JSON.stringify(provider.asked)).not.toContain(String(value.id));
  },
);

test('before its phase no provider sends a read to modern', async () => {
  const accounts = (await connectWith(switches(readModernFlag, true))).repository(account);
  const value = newAccount({ owner: 'legacy' });
  await accounts.create(value, { ack: 'both' });
  await at.sql.modern(`UPDATE accounts SET owner = 'modern' WHERE id = ${value.id}`);
  expect((await accounts.get(value.id))?.value.owner).toBe('legacy');
});

test('in its phase the provider decides where a key is read, and fails towards the durable share', async () => {
  await advanceTo(at.lockstep, 'switch-reads');
  const value = newAccount({ owner: 'legacy' });
  await at.lockstep.repository(account).create(value, { ack: 'both' });
  await at.sql.modern(`UPDATE accounts SET owner = 'modern' WHERE id = ${value.id}`);
  const readBy = async (provider: Provider) =>
    (await (await connectWith(provider)).repository(account).get(value.id))?.value.owner;

  expect(await readBy(switches(readModernFlag, true))).toBe('modern');
  expect(await readBy(switches(readModernFlag, false))).toBe('legacy');
  expect(await readBy(new Broken())).toBe('legacy');
});

test.each([
  ['throws', Broken, 'failed'],
  ['hangs', Hanging, 'timedOut'],
  ['answers nonsense', Nonsensical, 'invalid'],
  ['does not know the flag', InMemoryProvider, 'failed'],
] as const)(
  'a provider that %s leaves it to the durable share, and is counted',
  async (_, Faulty, reason) => {
    await advanceTo(at.lockstep, 'switch-reads');
    const values = Array.from({ length: 8 }, () => newAccount({ owner: 'legacy' }));
    const writer = at.lockstep.repository(account);
    for (const value of values) await writer.create(value, { ack: 'both' });
    await at.sql.modern(`UPDATE accounts SET owner = 'modern'`);
    await at.lockstep.control.setReadPercent(50);
    const client = await connectWith(new Faulty());
    const accounts = client.repository(account);
    const owners = await Promise.all(values.map(async ({ id }) => (await accounts.get(id))?.value.owner));
    expect(owners).toEqual(
      values.map(({ id }) =>
        isInRollout('account', JSON.stringify([String(id)]), 50) ? 'modern' : 'legacy',
      ),
    );
    expect(client.flags.counts()).toEqual({ answered: 0, failed: 0, timedOut: 0, invalid: 0, [reason]: 8 });
  },
);

test('flags that throw at once, outside a promise, are counted too', async () => {
  await advanceTo(at.lockstep, 'switch-reads');
  const broken = () => {
    throw new Error('the flag service is down');
  };
  const client = await at.connect({ flags: { writesModern: broken, readsModern: broken } });
  expect(await client.repository(account).get(newAccount().id)).toBeNull();
  expect(client.flags.counts()).toMatchObject({ failed: 1 });
});

test('a write waits no longer for a provider that hangs', async () => {
  const client = await connectWith(new Hanging());
  const value = newAccount();
  await client.repository(flagged).create(value, { ack: 'both' });
  expect((await rowIn(at, 'modern', 'flagged', value.id)) !== null).toBe(true);
  expect(client.flags.counts()).toMatchObject({ timedOut: 1 });
});

test('at 100 % every read is modern, whatever a provider says', async () => {
  await advanceTo(at.lockstep, 'switch-reads');
  const value = newAccount({ owner: 'legacy' });
  await at.lockstep.repository(account).create(value, { ack: 'both' });
  await at.sql.modern(`UPDATE accounts SET owner = 'modern' WHERE id = ${value.id}`);
  await at.lockstep.control.setReadPercent(100);
  const client = await connectWith(switches(readModernFlag, false));
  expect((await client.repository(account).get(value.id))?.value.owner).toBe('modern');
  expect(client.reads.counts()).toMatchObject({ legacy: 0, modern: 1 });
});

test('after its phase no provider keeps a read in legacy', async () => {
  await advanceTo(at.lockstep, 'switch-primary');
  const accounts = (await connectWith(switches(readModernFlag, false))).repository(account);
  const value = newAccount({ owner: 'modern' });
  await accounts.create(value, { ack: 'both' });
  await at.sql.legacy(`UPDATE accounts SET owner = 'legacy' WHERE id = ${value.id}`);
  expect((await accounts.get(value.id))?.value.owner).toBe('modern');
});

/** Code that knows OpenFeature only. */
async function otherCode() {
  const lockstep = await at.connect();
  domains += 1;
  const domain = `domain-${domains}`;
  await OpenFeature.setProviderAndWait(domain, lockstep.openFeatureProvider());
  return { lockstep, client: OpenFeature.getClient(domain) };
}

test("Lockstep's own provider answers by phase and share, as reads and writes go", async () => {
  await at.lockstep.control.setWritePercent(50);
  const values = Array.from({ length: 40 }, () => newAccount());
  const { client } = await otherCode();
  for (const { id } of values) {
    const inShare = isInRollout('flagged', `["${id}"]`, 50);
    expect(await client.getBooleanDetails(dualWriteFlag, !inShare, flagContext(flagged, id))).toMatchObject({
      value: inShare,
      variant: inShare ? 'on' : 'off',
      reason: 'SPLIT',
      flagMetadata: { phase: 'dual-write' },
    });
    const written = await client.getBooleanDetails(dualWriteFlag, false, flagContext(account, id));
    expect(written).toMatchObject({ value: true, reason: 'STATIC' });
    expect(await client.getBooleanValue(readModernFlag, true, flagContext(account, id))).toBe(false);
  }
  await advanceTo(at.lockstep, 'switch-reads');
  await at.lockstep.control.setReadPercent(30);
  const { client: later, lockstep } = await otherCode();
  for (const { id } of values) {
    const isModern = await later.getBooleanValue(readModernFlag, false, flagContext(account, id));
    expect(isModern).toBe((await lockstep.readsFrom(account, id)).store === 'modern');
    expect(isModern).toBe(isInRollout('account', `["${id}"]`, 30));
  }
});

test("Lockstep's own provider says what is wrong with a question, and the default is answered", async () => {
  const { client } = await otherCode();
  const context = flagContext(account, 1);
  const wrong = [
    ['another-flag', context, 'FLAG_NOT_FOUND'],
    [readModernFlag, { entity: 'account' }, 'TARGETING_KEY_MISSING'],
    [readModernFlag, { ...context, targetingKey: 'a key' }, 'INVALID_CONTEXT'],
    [readModernFlag, { ...context, entity: 'nothing' }, 'INVALID_CONTEXT'],
    [readModernFlag, {}, 'INVALID_CONTEXT'],
  ] as const;
  for (const [flag, given, errorCode] of wrong) {
    const details = await client.getBooleanDetails(flag, true, given);
    expect(details).toMatchObject({ value: true, reason: 'ERROR', errorCode });
    expect(details.errorMessage).not.toContain('a key');
  }
  expect(await client.getStringDetails(readModernFlag, 'none', context)).toMatchObject({
    value: 'none',
    errorCode: 'TYPE_MISMATCH',
  });
  expect(await client.getNumberDetails('another-flag', 1, context)).toMatchObject({
    errorCode: 'FLAG_NOT_FOUND',
  });
});

test("flags that come from Lockstep's own provider do not ask themselves", async () => {
  const { lockstep } = await otherCode();
  const records = (await connectWith(lockstep.openFeatureProvider())).repository(flagged);
  await at.lockstep.control.setWritePercent(0);
  const value = newAccount();
  await until('the provider knows the share', async () => {
    const { value: on } = await lockstep
      .openFeatureProvider()
      .resolveBooleanEvaluation(dualWriteFlag, true, flagContext(flagged, value.id));
    return !on;
  });
  await records.create(value, { ack: 'both' });
  expect(await rowIn(at, 'modern', 'flagged', value.id)).toBeNull();
});
