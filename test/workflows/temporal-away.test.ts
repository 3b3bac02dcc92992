import type { Client } from '@temporalio/client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { connectTemporal } from '../../client/temporal/connection.ts';
import { caller } from '../databases/caller.ts';
import { account, newAccount } from '../support/accounts.ts';
import type { Connected } from '../support/connect-both.ts';
import { type RunningMigration, runningMigration } from '../support/harness.ts';
import { drained, rowsOf, versionsOf } from '../support/inspect.ts';
import { codesOf } from '../support/outcomes.ts';
import { proxy, type Proxy as TemporalProxy } from '../support/proxy.ts';

const maxWaiting = 16;
const writes = 40;

describe.each(['mysql', 'postgresql'] as const)(
  'a service whose Temporal is away, migrating from %s',
  (from) => {
    let at: RunningMigration;
    let alone: Connected;
    let between: TemporalProxy;
    let temporal: Client;
    beforeAll(async () => {
      at = await runningMigration('dual-write', {
        from,
        write: { maxWaiting, groupSize: 4, groupsInFlight: 2 },
      });
      between = await proxy(`http://${at.environment.TEMPORAL_ADDRESS}`);
      temporal = await connectTemporal({
        ...at.environment,
        TEMPORAL_ADDRESS: new URL(between.url).host,
      });
      alone = await at.connect({ temporal });
    });
    afterEach(() => between.restore());
    afterAll(async () => {
      await at?.[Symbol.asyncDispose]();
      await temporal?.connection.close();
      await between?.close();
    });

    const owners = async (id: number) => (await rowsOf(at, 'accounts', id)).map((row) => row?.owner ?? null);

    test.each(['hang', 'cut'] as const)(
      'writes fail typed when their time is over, none half-done, and land once when they are sent again (%s)',
      async (fault) => {
        const accounts = alone.repository(account);
        const values = Array.from({ length: writes }, () => newAccount());
        const send = (given: { timeoutMs?: number }) =>
          Promise.allSettled(
            values.map((value) =>
              accounts.create(value, { operationId: `away-${from}-${value.id}`, ...given }),
            ),
          );
        await between[fault]();
        const told = codesOf(await send({ timeoutMs: 1_500 }));
        for (const code of told)
          expect(['OutcomeUnknown', 'Overloaded', 'TemporalUnavailable']).toContain(code);
        expect(told).toContain('Overloaded');
        await between.restore();
        await drained(at);
        // What is unknown may still land now; nothing else may.
        for (const [index, { id }] of values.entries())
          if (told[index] !== 'OutcomeUnknown') expect(await owners(id)).toEqual([null, null]);
        // Few enough for the queue to have room.
        for (const value of values) await accounts.create(value, { operationId: `away-${from}-${value.id}` });
        await drained(at);
        for (const { id, owner } of values) {
          expect(await owners(id)).toEqual([owner, owner]);
          const [primary, secondary] = await versionsOf(at, account, id);
          expect(secondary).toBe(primary);
        }
      },
    );

    test('transactions that touch go on, and what they changed lands when it is back', async () => {
      await using service = await caller(at.environment.LOCKSTEP_LEGACY_URL ?? '');
      const value = newAccount();
      await between.hang();
      await service.sql('BEGIN');
      await alone.touch(service.tx, account, value.id);
      await service.sql(
        `INSERT INTO accounts (id, owner, email, balance) VALUES (${value.id}, '${value.owner}', NULL, 1.00)`,
      );
      await service.sql('COMMIT');
      expect(await owners(value.id)).toEqual([value.owner, null]);
      await between.restore();
      await at.lockstep.journal.retry({ olderThanMs: 0, parked: false, ids: null });
      await drained(at);
      expect(await owners(value.id)).toEqual([value.owner, value.owner]);
    });
  },
);
