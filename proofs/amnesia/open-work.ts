import { LockstepError, type StoreName } from '../../model/failure.ts';
import { otherStore } from '../../model/phase.ts';
import type { Direct } from '../../test/databases/direct.ts';
import {
  type Account,
  account,
  bound,
  ledger,
  newAccount,
  refusedByLegacy,
  refusedByModern,
  twin,
} from '../../test/support/accounts.ts';
import type { Connected } from '../../test/support/connect-both.ts';
import { addFailingTrigger } from '../../test/support/failing-trigger.ts';
import type { Fixture } from '../../test/support/fixture.ts';
import { inDoubtIn } from '../../test/support/transactions.ts';
import { until } from '../../test/support/until.ts';

/** What the caller of a write was told last. */
export type Told = 'acknowledged' | 'unknown' | { readonly refused: string };

/** One write of the proof: how it is sent, again too, and what its row is with and without it. */
export interface Write {
  readonly operationId: string;
  readonly table: 'accounts' | 'twins' | 'bound' | 'ledgers';
  readonly id: number;
  readonly before: Account;
  readonly after: Account;
  readonly send: () => Promise<unknown>;
  told: Told;
}

/** Rows of another session, which keep writes waiting. */
export interface Held {
  release(): Promise<void>;
}

/** Makes writes that stay open at the moment at which Temporal loses its state. */
export class OpenWork {
  readonly all: Write[] = [];
  readonly #at: Fixture;
  readonly #lockstep: Connected;
  readonly #primary: StoreName;
  readonly #held: Held[] = [];
  readonly #sending: Promise<void>[] = [];
  #count = 0;

  constructor(at: Fixture, lockstep: Connected, primary: StoreName) {
    this.#at = at;
    this.#lockstep = lockstep;
    this.#primary = primary;
  }

  /** The other store refuses them for good. */
  async park(count: number): Promise<Write[]> {
    const balance = this.#primary === 'legacy' ? refusedByModern : refusedByLegacy;
    const parked: Write[] = [];
    for (let turn = 0; turn < count; turn++) {
      const write = await this.#update('accounts', { balance });
      await this.#tell(write);
      parked.push(write);
    }
    const { name: migration } = this.#at.migration;
    await until('they are parked', async () => {
      const store = this.#at.stores[this.#primary];
      return (await store.journal({ migration, statuses: ['parked'], limit: count })).length === count;
    });
    return parked;
  }

  /** The primary has them. The other store takes nothing for now: while it waits for a record, it would hold the fence too. */
  async owe(count: number): Promise<void> {
    const writes: Write[] = [];
    for (let turn = 0; turn < count; turn++) writes.push(await this.#update('accounts', { owner: 'owed' }));
    const other = otherStore(this.#primary);
    const isPostgresql = this.#at.stores[other].engine === 'postgresql';
    this.afterwards(
      await addFailingTrigger(
        this.#at.sql[other],
        'accounts',
        isPostgresql ? { engine: 'PostgreSQL', code: '57P03' } : { engine: 'MariaDB', code: '1021' },
      ),
    );
    for (const write of writes) await this.#tell(write);
  }

  /** The secondary has taken it, and its record is held in the primary. */
  async leaveTentative(): Promise<void> {
    const write = await this.#replace();
    await this.#hold(this.#primary, 'twin', [write]);
    this.#begin(write);
    const { name: migration } = this.#at.migration;
    await until('it is tentative', async () => {
      const secondary = this.#at.stores[otherStore(this.#primary)];
      return (await secondary.journal({ migration, statuses: ['tentative'], limit: 1 })).length > 0;
    });
  }

  /** Its branch in the primary is prepared; that in the secondary waits. */
  async leaveInDoubt([one, other]: readonly [Write, Write]): Promise<void> {
    await this.#hold(otherStore(this.#primary), 'bound', [one]);
    this.#begin(one);
    // Both are one transaction.
    other.told = 'unknown';
    await until('a branch is prepared', async () => (await inDoubtIn(this.#at)).length > 0);
  }

  /** What other sessions hold is free again. */
  async release(): Promise<void> {
    for (const held of this.#held.splice(0)) await held.release();
  }

  /** Every caller has heard something. */
  async answered(): Promise<void> {
    await Promise.all(this.#sending);
  }

  /** Until its outcome is known, as a careful service does. */
  async sendAgain(write: Write): Promise<void> {
    await until(`${write.operationId} is known`, async () => {
      await this.#tell(write);
      return write.told !== 'unknown';
    });
  }

  /** Keeps a record, or the journal, of a store until `release`. */
  async holdRows(store: StoreName, select: string): Promise<void> {
    const session = await this.#at.another(store);
    await session.rows('START TRANSACTION');
    await session.rows(`${select} FOR UPDATE`);
    this.afterwards(async () => {
      await session.rows('ROLLBACK');
    });
  }

  /** Also done by `release`. */
  afterwards(release: Held['release']): void {
    this.#held.push({ release });
  }

  async #hold(store: StoreName, entity: string, writes: readonly Write[]): Promise<void> {
    const records = this.table(store, 'records');
    const keys = writes.map(({ id }) => `'["${id}"]'`).join(', ');
    await this.holdRows(
      store,
      `SELECT version FROM ${records} WHERE entity = '${entity}' AND record_key IN (${keys})`,
    );
  }

  table(store: StoreName, name: string): string {
    return this.#at.stores[store].engine === 'postgresql' ? `lockstep.${name}` : `lockstep_${name}`;
  }

  async #update(
    table: 'accounts',
    change: Pick<Account, 'balance'> | Pick<Account, 'owner'>,
  ): Promise<Write> {
    const before = newAccount();
    const accounts = this.#lockstep.repository(account);
    await accounts.create(before, { ack: 'both' });
    const operationId = this.#newId('update');
    const send = () => accounts.update(before.id, change, { operationId });
    return this.#noted({ operationId, table, before, after: { ...before, ...change }, send });
  }

  async #replace(): Promise<Write> {
    const before = newAccount();
    const twins = this.#lockstep.repository(twin);
    await twins.create(before, { ack: 'both' });
    const after = { ...before, owner: 'tentative' };
    const operationId = this.#newId('replace');
    return this.#noted({
      operationId,
      table: 'twins',
      before,
      after,
      send: () => twins.replace(after, { operationId }),
    });
  }

  /** Two records that are there, and a transaction that changes both. */
  async pair(): Promise<readonly [Write, Write]> {
    const befores = [newAccount(), newAccount()] as const;
    await this.#lockstep.transaction((tx) => [tx(bound).create(befores[0]), tx(ledger).create(befores[1])]);
    const operationId = this.#newId('transaction');
    const send = () =>
      this.#lockstep.transaction(
        (tx) => [
          tx(bound).update(befores[0].id, { owner: 'together' }),
          tx(ledger).update(befores[1].id, { owner: 'together' }),
        ],
        { operationId },
      );
    const noted = (table: Write['table'], before: Account) =>
      this.#noted({ operationId, table, before, after: { ...before, owner: 'together' }, send });
    return [noted('bound', befores[0]), noted('ledgers', befores[1])];
  }

  #noted(write: Omit<Write, 'id' | 'told'>): Write {
    const noted: Write = { ...write, id: write.before.id, told: 'unknown' };
    this.all.push(noted);
    return noted;
  }

  #newId(kind: string): string {
    this.#count += 1;
    return `${kind}-${this.#count}`;
  }

  #begin(write: Write): void {
    this.#sending.push(this.#tell(write));
  }

  /** What the callers of one operation hear, they all hear. */
  async #tell(write: Write): Promise<void> {
    const told = await write.send().then(() => 'acknowledged' as const, toldBy);
    for (const one of this.all) if (one.operationId === write.operationId) one.told = told;
  }
}

function toldBy(error: unknown): Told {
  if (!(error instanceof LockstepError)) return 'unknown';
  return error.code === 'OutcomeUnknown' ? 'unknown' : { refused: error.code };
}

/** The row of a write in one store: as before it, as after it, or neither. */
export async function seenIn(
  rows: Direct['rows'],
  { table, id, before, after }: Write,
): Promise<'before' | 'after' | 'neither'> {
  const [row] = await rows(`SELECT id, owner, email, balance FROM ${table} WHERE id = ${id}`);
  const is = (one: Account) => row?.owner === one.owner && row.balance === one.balance;
  return is(after) ? 'after' : is(before) ? 'before' : 'neither';
}
