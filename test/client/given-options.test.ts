import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../client/service/connect.ts';
import { account, newAccount } from '../support/accounts.ts';
import type { Connected } from '../support/connect-both.ts';
import { type Fixture, fixture } from '../support/harness.ts';

let at: Fixture;
let lockstep: Connected;
beforeAll(async () => {
  at = await fixture();
  lockstep = await at.connect();
});
afterAll(() => at?.[Symbol.asyncDispose]());

/** As a program without types calls it. */
const untyped = <A extends unknown[], R>(call: (...args: A) => R) => call as (...args: unknown[]) => R;
const accounts = () => {
  const { get, getMany, create, update, readsFrom } = lockstep.repository(account);
  const of = lockstep.repository(account);
  const bound = <A extends unknown[], R>(call: (...args: A) => R) => untyped(call.bind(of) as typeof call);
  return {
    get: bound(get),
    getMany: bound(getMany as (...args: unknown[]) => Promise<unknown>),
    create: bound(create),
    update: bound(update),
    readsFrom: bound(readsFrom),
  };
};

test.each<[string, () => unknown, string, RegExp]>([
  [
    'an option of a read that is none',
    () => accounts().get(1, { atLest: 'v1.1' }),
    'InvalidInput',
    /"atLest" is no option of get; there are atLeast,/,
  ],
  ['options that are null', () => accounts().get(1, null), 'InvalidInput', /options of get are no object/],
  ['options that are a text', () => accounts().get(1, 'x'), 'InvalidInput', /options of get are no object/],
  ['a token that is a number', () => accounts().get(1, { atLeast: 5 }), 'InvalidToken', /no token/],
  ['a token that is null', () => accounts().get(1, { atLeast: null }), 'InvalidToken', /no token/],
  [
    'a shadow that is a text',
    () => accounts().get(1, { shadow: 'no' }),
    'InvalidInput',
    /shadow is neither true nor false/,
  ],
  ['keys that are none', () => accounts().getMany(undefined), 'InvalidKey', /no list of keys of account/],
  ['keys in a set', () => accounts().getMany(new Set([1])), 'InvalidKey', /no list of keys of account/],
  [
    'a token for many',
    () => accounts().getMany([1], { atLeast: 'v1.1' }),
    'InvalidInput',
    /"atLeast" is no option of getMany; there are withToken/,
  ],
  [
    'a place with an option that is none',
    () => accounts().readsFrom(1, { shadow: true }),
    'InvalidInput',
    /"shadow" is no option of readsFrom/,
  ],
  [
    'a place with null',
    () => accounts().readsFrom(1, null),
    'InvalidInput',
    /options of readsFrom are no object/,
  ],
  [
    'an operation id with a typing error',
    () => accounts().create(newAccount(), { oprationId: 'a' }),
    'InvalidInput',
    /"oprationId" is no option of a write; there are operationId,/,
  ],
  [
    'a write with null',
    () => accounts().update(1, {}, null),
    'InvalidInput',
    /options of a write are no object/,
  ],
  [
    'a place of nothing',
    () => untyped(lockstep.readsFrom)(),
    'UnknownEntity',
    /no entity; pass one that entity\({ … }\) has declared/,
  ],
  ['a place of a name', () => untyped(lockstep.readsFrom)('account'), 'UnknownEntity', /no entity; pass one/],
  [
    'a repository of nothing',
    async () => untyped(lockstep.repository)(),
    'UnknownEntity',
    /no entity; pass one/,
  ],
  ['a touch of nothing', () => untyped(lockstep.touch)(), 'UnknownEntity', /no entity; pass one/],
  [
    'many writes that are none',
    () => untyped(lockstep.writeMany)(undefined),
    'InvalidInput',
    /no list of writes; pass functions/,
  ],
  [
    'many writes that are begun',
    () => untyped(lockstep.writeMany)([Promise.resolve()]),
    'InvalidInput',
    /write 1 is no function; pass \(\) =>/,
  ],
  [
    'a transaction of nothing',
    () => untyped(lockstep.transaction)(),
    'InvalidTransaction',
    /function that lists its writes/,
  ],
  [
    'a transaction with an option that is none',
    () => untyped(lockstep.transaction)(() => [], { id: 'a' }),
    'InvalidInput',
    /"id" is no option of a transaction/,
  ],
  [
    'a connection to nothing',
    () => untyped(connect)(),
    'InvalidDefinition',
    /no migration; pass what defineMigration gives/,
  ],
  ['a connection to a name', () => untyped(connect)('shop'), 'InvalidDefinition', /no migration/],
  [
    'a connection with an option that is none',
    () => untyped(connect)(at.migration, { readTimeout: 5 }),
    'InvalidInput',
    /"readTimeout" is no option of connect/,
  ],
  [
    'flags that decide nothing',
    () => untyped(connect)(at.migration, { flags: {} }),
    'InvalidInput',
    /flags is no such thing; pass what openFeatureFlags gives/,
  ],
  [
    'a clock that is a number',
    () => untyped(connect)(at.migration, { now: 5 }),
    'InvalidInput',
    /now is no such thing/,
  ],
  [
    'a client that is none',
    () => untyped(connect)(at.migration, { temporal: {} }),
    'InvalidInput',
    /temporal is no such thing/,
  ],
])('%s is told with cause and remedy, before anything is done', async (_, call, code, why) => {
  await expect((async () => await call())()).rejects.toMatchObject({
    code,
    message: expect.stringMatching(why),
  });
});
