import { randomUUID } from 'node:crypto';
import mysql from 'mysql2/promise';
import pg from 'pg';
import type { CallerTransaction } from '../client/service/caller-transaction.ts';
import { Random } from '../examples/orders/random.ts';
import type { StoreName } from '../model/failure.ts';
import { isLockstepError } from '../model/is-lockstep-error.ts';
import { advanceTo, validate } from '../test/support/advance.ts';
import { createDatabasesOn } from '../test/support/databases.ts';
import { type Contents, legacyContents, modernContents } from './account/contents.ts';
import { drainBoundSeconds, drained } from './account/drain.ts';
import { createProofEnvironment, type ProofEnvironment, type StoreUrls } from './account/environment.ts';
import { atLeast, atMost, type Conditions, exactly, type Report, report } from './report.ts';

const callers = 8;
const hotKeys = 10;
const pauseMs = 20;

/**
 * A service's own SQL in its own transactions, in whichever store is primary, with touched keys: counters that all callers share, and
 * rows that come, change and go. Meanwhile workers are killed and the primary changes there and back. Both stores must end with
 * what was committed, and the other store must never have seen anything of what was rolled back.
 */
export async function touch({ servers, seed, short, note }: Conditions): Promise<Report> {
  const wanted = short ? 200 : 10_000;
  const rounds = short ? 1 : 5;
  await using databases = await createDatabasesOn(servers);
  await using environment = await createProofEnvironment({
    servers,
    databases,
    pattern: 'primary-secondary',
    phase: 'switch-reads',
  });
  const service = new Service(environment, seed);
  await service.begin();
  const working = service.work(wanted);
  const random = new Random(seed + 1);
  let { worker } = environment;
  let [kills, changes, refusals] = [0, 0, 0];
  try {
    for (let round = 0; round < rounds; round++) {
      for (const turn of ['advance', 'rollback'] as const) {
        await wait(random.between(200, 3_000));
        await worker.kill();
        kills += 1;
        note(`worker ${kills} killed, ${service.committed} transactions committed`);
        worker = await environment.startWorker();
        await worker.ready();
        refusals += await change(environment, turn);
        changes += 1;
        note(`primary changed ${changes} times`);
      }
    }
  } catch (error) {
    service.stop();
    throw error;
  } finally {
    service.mayEnd = true;
    await working;
  }
  const drainSeconds = await drained(environment.direct, (open) => open.length > 0);
  const [legacy, modern] = [
    await legacyContents(environment.direct.legacy),
    await modernContents(environment.direct.modern),
  ];
  const bars = [
    atLeast('transactions committed', wanted, service.committed),
    exactly('workers killed', rounds * 2, kills),
    exactly('changes of primary', rounds * 2, changes),
    exactly('transactions that failed for another reason', 0, service.failures.length),
    exactly('rows of legacy that are not what was committed', 0, service.wrongRows(legacy)),
    exactly('rows of modern that are not what was committed', 0, service.wrongRows(modern)),
    exactly('records that differ between the stores', 0, differingRecords(legacy, modern)),
    exactly('writes seen of transactions that were rolled back', 0, aborted(legacy) + aborted(modern)),
    atMost('seconds until nothing was pending', drainBoundSeconds, drainSeconds),
  ];
  return report('touch', seed, bars, {
    committed: service.committed,
    rolledBack: service.rolledBack,
    turnedAway: service.turnedAway,
    againAfterDeadlock: service.deadlocks,
    gatesRefused: refusals,
    drainSeconds,
    failures: service.failures.slice(0, 5),
  });
}

/** Tries until the gate lets it: traffic that a killed worker has left behind may be a reason to wait. */
async function change({ lockstep }: ProofEnvironment, turn: 'advance' | 'rollback'): Promise<number> {
  for (let refusals = 0; ; refusals++) {
    try {
      if (turn === 'rollback') await lockstep.control.send('rollback');
      else {
        await lockstep.control.setReadPercent(100);
        await validate(lockstep.control);
        await advanceTo(lockstep, 'switch-primary');
      }
      return refusals;
    } catch (error) {
      if (!isLockstepError(error, 'GateRefused') || refusals === 20) throw error;
      await wait(500);
    }
  }
}

interface Connection {
  readonly tx: CallerTransaction;
  run(sql: string, values?: unknown[]): Promise<unknown>;
}

/** The service's SQL, as each store has the tables. */
const statements = {
  legacy: {
    insert: `INSERT INTO acct (id, owner_nm, bal, note, opened, last_seen, mark) VALUES (?, 'own', 1.00, NULL, '2026-01-01', '2026-01-01', ?)`,
    set: 'UPDATE acct SET mark = ? WHERE id = ?',
    count: 'UPDATE acct SET bal = bal + 1, mark = mark + 1 WHERE id = ?',
    delete: 'DELETE FROM acct WHERE id = ?',
  },
  modern: {
    insert: `INSERT INTO accounts (id, owner, balance, note, opened_on, seen_at, mark) VALUES ($1, 'own', 1.00, NULL, '2026-01-01', '2026-01-01Z', $2)`,
    set: 'UPDATE accounts SET mark = $1 WHERE id = $2',
    count: 'UPDATE accounts SET balance = balance + 1, mark = mark + 1 WHERE id = $1',
    delete: 'DELETE FROM accounts WHERE id = $1',
  },
} as const;

/** The callers, and what they know to have committed: the mark of each row, null where it was deleted. */
class Service {
  readonly failures: string[] = [];
  committed = 0;
  rolledBack = 0;
  turnedAway = 0;
  deadlocks = 0;
  /** Set when all faults are over: until then the traffic goes on. */
  mayEnd = false;
  readonly #environment: ProofEnvironment;
  readonly #seed: number;
  readonly #expected = new Map<string, number | null>();
  readonly #hot = Array.from({ length: hotKeys }, () => randomUUID()).sort();
  #marks = 1;
  #isStopped = false;

  constructor(environment: ProofEnvironment, seed: number) {
    this.#environment = environment;
    this.#seed = seed;
  }

  async begin(): Promise<void> {
    await using connections = await connectBoth(this.#environment.direct);
    await this.#transaction(connections, this.#hot, async (run, { insert }) => {
      for (const id of this.#hot) await run(insert, [id, 0]);
    });
    for (const id of this.#hot) this.#expected.set(id, 0);
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Resolves when so many transactions have committed, and the faults are over. */
  async work(wanted: number): Promise<void> {
    await Promise.all(
      Array.from({ length: callers }, (_, caller) =>
        this.#call(wanted, new Random(this.#seed + 100 + caller)),
      ),
    );
  }

  async #call(wanted: number, random: Random): Promise<void> {
    await using connections = await connectBoth(this.#environment.direct);
    let own = randomUUID();
    while (!this.#isStopped && (this.committed < wanted || !this.mayEnd)) {
      const hot = this.#hot[random.between(0, hotKeys - 1)] ?? '';
      const keys = [hot, own];
      const isAborted = random.between(1, 5) === 1;
      this.#marks += 1;
      const mark = isAborted ? -this.#marks : this.#marks;
      const known = this.#expected.get(own) ?? null;
      const goes = known !== null && random.between(1, 4) === 1;
      try {
        const done = await this.#transaction(
          connections,
          keys,
          async (run, sql) => {
            await run(sql.count, [hot]);
            if (isAborted && known !== null) await run(sql.set, [mark, own]);
            else if (goes) await run(sql.delete, [own]);
            else if (known === null) await run(sql.insert, [own, mark]);
            else await run(sql.set, [mark, own]);
          },
          { isAborted, touchFirst: random.between(0, 1) === 1 },
        );
        if (done) {
          this.#expected.set(hot, (this.#expected.get(hot) ?? 0) + 1);
          this.#expected.set(own, goes ? null : mark);
          if (goes && random.between(0, 1) === 1) own = randomUUID();
        }
      } catch (error) {
        this.failures.push(error instanceof Error ? error.message : String(error));
      }
      await wait(pauseMs);
    }
  }

  /** Runs it again where it was turned away, until it is done. True where it has committed. */
  async #transaction(
    connections: Readonly<Record<StoreName, Connection>>,
    keys: readonly string[],
    work: (run: Connection['run'], sql: (typeof statements)[StoreName]) => Promise<void>,
    { isAborted = false, touchFirst = false }: { isAborted?: boolean; touchFirst?: boolean } = {},
  ): Promise<boolean> {
    const { lockstep, account } = this.#environment;
    for (;;) {
      const store = await lockstep.primary();
      const { run, tx } = connections[store];
      await run('BEGIN');
      try {
        if (touchFirst) await lockstep.touch(tx, account, keys);
        await work(run, statements[store]);
        if (!touchFirst) await lockstep.touch(tx, account, keys);
        await run(isAborted ? 'ROLLBACK' : 'COMMIT');
        if (isAborted) this.rolledBack += 1;
        else this.committed += 1;
        return !isAborted;
      } catch (error) {
        await run('ROLLBACK');
        if (isLockstepError(error, 'NotPrimary')) this.turnedAway += 1;
        else if (isDeadlock(error)) this.deadlocks += 1;
        else throw error;
      }
      await wait(pauseMs);
    }
  }

  wrongRows({ rows }: Contents): number {
    const marks = new Map([...rows].map(([id, text]) => [id, Number(JSON.parse(text).at(-1))]));
    const wrong = [...this.#expected].filter(([id, mark]) => (marks.get(id) ?? null) !== mark).length;
    return wrong + [...marks.keys()].filter((id) => !this.#expected.has(id)).length;
  }
}

function differingRecords(legacy: Contents, modern: Contents): number {
  const keys = new Set([...legacy.records.keys(), ...modern.records.keys()]);
  const textOf = ({ records }: Contents, key: string) => JSON.stringify(records.get(key) ?? null);
  return [...keys].filter((key) => textOf(legacy, key) !== textOf(modern, key)).length;
}

/** The databases have noted every mark that a row has ever had; those of transactions to be rolled back are negative. */
function aborted({ witness }: Contents): number {
  return witness.filter(({ mark }) => mark < 0).length;
}

function isDeadlock(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return ['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT', '40P01', '40001'].includes(code);
}

async function connectBoth(urls: StoreUrls) {
  await using connecting = new AsyncDisposableStack();
  const client = new pg.Client({ connectionString: urls.modern });
  await client.connect();
  connecting.defer(() => client.end());
  const connection = await mysql.createConnection({ uri: urls.legacy });
  connecting.defer(() => connection.end());
  const legacy: Connection = {
    tx: connection,
    run: (sql, values = []) => connection.query(sql, values),
  };
  const modern: Connection = { tx: client, run: (sql, values = []) => client.query(sql, values) };
  const release = connecting.move();
  return { legacy, modern, [Symbol.asyncDispose]: () => release.disposeAsync() };
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
