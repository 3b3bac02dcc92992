/** Checked by the compiler alone: a misuse that compiles fails `npm run check`. */
import type { EvaluationContext, Provider } from '@openfeature/server-sdk';
import type { Lockstep } from '../../client/service/connect.ts';
import { flagContext } from '../../client/service/targeting-key.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { defineMigration } from '../../model/migration.ts';
import { parseToken, type Token } from '../../model/token.ts';
import { bound, guest, noted, slot, user } from './entities.ts';

export async function use(lockstep: Lockstep, id: string, error: unknown): Promise<void> {
  const users = lockstep.repository(user);
  const read = await users.get(id);
  read?.value.plan satisfies 'free' | 'pro' | undefined;
  // @ts-expect-error nobody has asked for the version
  read?.token;
  (await users.get(id, { withToken: true }))?.token satisfies Token | undefined;
  const [one = null] = await users.getMany([id]);
  one?.value.plan satisfies 'free' | 'pro' | undefined;
  // @ts-expect-error nobody has asked for the versions
  one?.token;
  (await users.getMany([id], { withToken: true }))[0]?.token satisfies Token | undefined;
  // @ts-expect-error keys of another type
  await users.getMany([42]);
  // @ts-expect-error each key would need a token of its own
  await users.getMany([id], { atLeast: parseToken('v1.1') });
  // @ts-expect-error there may be none
  read.value;
  // @ts-expect-error a key of another type
  await users.get(42);
  // @ts-expect-error an object is no key of one field
  await users.get({ id });
  // @ts-expect-error text is no token
  await users.get(id, { atLeast: 'v1.1' });
  await users.get(id, { atLeast: parseToken('v1.1') });

  const { token, version } = await users.update(id, { plan: 'pro', email: null });
  token satisfies Token;
  version satisfies string;
  await users.update(id, { visits: 1 }, { ifUnchangedSince: token });
  // @ts-expect-error text is no token
  await users.update(id, { visits: 1 }, { ifUnchangedSince: 'v1.1' });
  // @ts-expect-error a patch has no key in it
  await users.update(id, { id });
  const withKey = { id, visits: 1 };
  // @ts-expect-error also where it comes from elsewhere
  await users.update(id, withKey);
  // @ts-expect-error a value of another type
  await users.update(id, { plan: 'gold' });
  // @ts-expect-error a property that is not there
  await users.update(id, { emial: null });
  // @ts-expect-error properties are missing
  await users.create({ id });
  // @ts-expect-error a key of another type
  await users.delete({ id });

  const many = await lockstep.writeMany([
    () => users.delete(id, { ack: 'both' }),
    () => users.delete(id, { ack: 'primary' }),
  ]);
  for (const one of many) if ('receipt' in one) one.receipt.token satisfies Token;
  // @ts-expect-error a write that is under way is no function that begins one
  await lockstep.writeMany([users.delete(id)]);

  const recorded = await users.delete(id, { ack: 'recorded' });
  recorded.token satisfies null;
  // @ts-expect-error nothing is known of it yet
  recorded.token satisfies Token;
  const later = await lockstep.repository(noted).update(id, { visits: 1 });
  // @ts-expect-error the entity itself is only recorded
  later.token satisfies Token;
  (await lockstep.repository(noted).update(id, { visits: 1 }, { ack: 'both' })).token satisfies Token;
  const known = await users.update(id, { visits: 1 }, { timeoutMs: 5, operationId: 'a' });
  known.token satisfies Token;

  const slots = lockstep.repository(slot);
  await slots.get({ room: 'a', day: '2030-01-31' });
  await slots.update({ room: 'a', day: '2030-01-31' }, { who: 'me' });
  // @ts-expect-error a part of the key is missing
  await slots.get({ room: 'a' });
  // @ts-expect-error a composite key is an object
  await slots.get('a');
  // @ts-expect-error a part of the key in the patch
  await slots.update({ room: 'a', day: '2030-01-31' }, { day: '2030-02-01' });

  await lockstep.repository(guest).update(id, { note: null });
  // @ts-expect-error a patch has no key in it
  await lockstep.repository(guest).update(id, { id });

  const together = await lockstep.transaction((tx) => [
    tx(bound).update(id, { visits: 1 }, { ifUnchangedSince: token }),
    tx(bound).delete(id),
  ]);
  together.tokens satisfies readonly Token[];
  const intent = await lockstep.transaction((tx) => [tx(bound).delete(id)], { ack: 'recorded' });
  // @ts-expect-error nothing is known of it yet
  intent.tokens satisfies readonly Token[];
  // @ts-expect-error only entities of the pattern transactional
  await lockstep.transaction((tx) => [tx(user).delete(id)]);
  // @ts-expect-error a patch has no key in it
  await lockstep.transaction((tx) => [tx(bound).update(id, { id })]);
  // @ts-expect-error a write of its own is no part of a transaction
  await lockstep.transaction(() => [users.delete(id)]);

  const run = async (sql: string, parameters: unknown[]) => [sql, parameters];
  const touched = await lockstep.touch(run, user, [id]);
  touched.token satisfies Token;
  touched.absent satisfies readonly string[];
  await lockstep.touch(run, slot, { room: 'a', day: '2030-01-31' });
  // @ts-expect-error a key of another type
  await lockstep.touch(run, user, 42);
  // @ts-expect-error a part of a key
  await lockstep.touch(run, slot, [{ room: 'a' }]);
  // @ts-expect-error nothing that runs a statement
  await lockstep.touch({}, user, id);

  const place = await lockstep.readsFrom(slot, { room: 'a', day: '2030-01-31' });
  place.store satisfies 'legacy' | 'modern';
  (await place.query<{ n: number }>('SELECT 1 AS n'))[0]?.n satisfies number | undefined;
  await lockstep.readsFrom(user, undefined, { atLeast: token });
  // @ts-expect-error a key of another type
  await lockstep.readsFrom(user, 42);
  lockstep.openFeatureProvider() satisfies Provider;
  flagContext(user, id) satisfies EvaluationContext;

  if (isLockstepError(error, 'NotFound')) error.code satisfies 'NotFound';
  // @ts-expect-error no such code
  isLockstepError(error, 'Missing');

  const move = { name: 'users', entities: [user, bound, slot, guest], deadline: '2030-01-31T00:00:00Z' };
  defineMigration({ ...move, write: { callerTimeoutMs: 10_000 }, backfill: { parallel: 4 } });
  // @ts-expect-error no such setting
  defineMigration({ ...move, write: { callerTimeout: 10_000 } });
  // @ts-expect-error no such group
  defineMigration({ ...move, policy: { callerTimeoutMs: 10_000 } });
}
