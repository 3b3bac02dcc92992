import { randomUUID } from 'node:crypto';
import mysql from 'mysql2/promise';
import pg from 'pg';
import { connect } from '../client/service/connect.ts';
import type { Settings } from '../model/settings.ts';
import type { Account } from '../proofs/account/account.ts';
import { createProofEnvironment, type ProofEnvironment } from '../proofs/account/environment.ts';
import { proofMigration } from '../proofs/account/migration.ts';
import { atLeast, atMost, type Figures, type Report, report } from '../proofs/report.ts';
import { createDatabasesOn } from '../test/support/databases.ts';
import { median, quantile, rounded, type Setting } from './bench.ts';

const defaultMs = 3_000;
const defaultRuns = 5;
const crowds = [1, 32, 256] as const;
const poolSize = 32;
/** Of a call: what a busy machine takes for 256 workflows. */
const timeoutMs = 180_000;

type Way = (account: Account) => Promise<unknown>;
type Name = 'bare' | 'primary' | 'single' | 'group' | 'groupBoth';

interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/**
 * What a write costs, by one, 32 and 256 callers, the worker in a process of its own: two upserts side by side with nothing
 * durable between them; one upsert; a workflow a write; and writes that share workflows, answered at the primary and at both.
 * Every way has its turn in each round, and who begins changes from round to round.
 */
export async function writes({ servers, seed, rows, runs, note }: Setting): Promise<Report> {
  const forMs = rows ?? defaultMs;
  const rounds = runs ?? defaultRuns;
  await using databases = await createDatabasesOn(servers);
  await using environment = await createProofEnvironment({
    servers,
    databases,
    pattern: 'primary-secondary',
    phase: 'dual-write',
  });
  await using ways = await waysOn(environment, databases.name);
  const names = Object.keys(ways.named) as Name[];
  const taken = new Map<string, Measured[]>();
  for (let round = 0; round <= rounds; round++) {
    for (const callers of crowds) {
      const turn = (round + crowds.indexOf(callers)) % names.length;
      for (const name of [...names.slice(turn), ...names.slice(0, turn)]) {
        const measured = await measure(ways.named[name], callers, forMs);
        // The first round warms up what the others measure.
        if (round > 0)
          taken.set(`${name}/${callers}`, [...(taken.get(`${name}/${callers}`) ?? []), measured]);
        note(
          `round ${round} ${name} ${callers}: ${rounded(measured.perSecond)}/s, p50 ${rounded(measured.p50Ms)} ms`,
        );
      }
    }
  }
  const of = (name: Name, callers: number) => medianOf(taken.get(`${name}/${callers}`) ?? []);
  const ratio = (name: Name, to: Name, callers: number) =>
    rounded(of(name, callers).perSecond / of(to, callers).perSecond);
  const p50 = (name: Name, to: Name) => rounded(of(name, 1).p50Ms / of(to, 1).p50Ms);
  return report(
    'writes',
    seed,
    [
      atMost('p50 with 1 caller, grouped ÷ a workflow a write', 1, p50('group', 'single')),
      atLeast('writes/s with 32 callers, grouped ÷ a workflow a write', 10, ratio('group', 'single', 32)),
      atLeast('writes/s with 256 callers, grouped ÷ a workflow a write', 30, ratio('group', 'single', 256)),
    ],
    {
      milliseconds: forMs,
      rounds,
      ...Object.fromEntries(
        crowds.map((callers) => [
          `callers${callers}`,
          {
            ...Object.fromEntries(names.map((name) => [name, figuresOf(of(name, callers))])),
            groupToBare: ratio('group', 'bare', callers),
            groupToSingle: ratio('group', 'single', callers),
          },
        ]),
      ),
    },
  );
}

/** Callers who send their next write as soon as the last is answered. */
async function measure(way: Way, callers: number, forMs: number): Promise<Measured> {
  const latencies: number[] = [];
  const began = performance.now();
  const caller = async () => {
    while (performance.now() - began < forMs) {
      const at = performance.now();
      await way(newAccount());
      latencies.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const seconds = (performance.now() - began) / 1_000;
  return {
    perSecond: latencies.length / seconds,
    p50Ms: median(latencies),
    p95Ms: quantile(latencies, 0.95),
    p99Ms: quantile(latencies, 0.99),
  };
}

const keys = Array.from({ length: 20_000 }, () => randomUUID());
let made = 0;

function newAccount(): Account {
  made += 1;
  return {
    id: keys[(made * 7_919) % keys.length] ?? randomUUID(),
    owner: `owner ${made}`,
    balance: '12.50',
    note: null,
    openedOn: '2026-01-31',
    seenAt: '2026-01-31T12:00:00.000001Z',
    mark: made % 1_000_000,
  };
}

async function waysOn({ direct, environment, temporal }: ProofEnvironment, databaseName: string) {
  await using building = new AsyncDisposableStack();
  const legacy = mysql.createPool({ uri: direct.legacy, connectionLimit: poolSize, timezone: 'Z' });
  building.defer(() => legacy.end());
  const modern = new pg.Pool({ connectionString: direct.modern, max: poolSize });
  building.defer(() => modern.end());
  await legacy.query('CREATE TABLE bare LIKE acct');
  await modern.query('CREATE TABLE bare (LIKE accounts INCLUDING ALL)');
  const repositoryWith = async (settings: Settings) => {
    const name = databaseName.replaceAll('_', '-').replace('test', 'proof');
    const { account, migration } = proofMigration(name, ['primary-secondary'], settings);
    const lockstep = building.use(await connect(migration, { environment, temporal }));
    return lockstep.repository(account);
  };
  const single = await repositoryWith({ write: { groupSize: 1 } });
  const group = await repositoryWith({});
  const atLegacy = ({ id, owner, balance, note, openedOn, seenAt, mark }: Account) =>
    legacy.execute(
      `INSERT INTO bare (id, owner_nm, bal, note, opened, last_seen, mark) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON DUPLICATE KEY UPDATE owner_nm = VALUES(owner_nm), bal = VALUES(bal), note = VALUES(note), opened = VALUES(opened),
         last_seen = VALUES(last_seen), mark = VALUES(mark)`,
      [id, owner, balance, note, openedOn, seenAt.replace('T', ' ').replace('Z', ''), mark],
    );
  const atModern = ({ id, owner, balance, note, openedOn, seenAt, mark }: Account) =>
    modern.query({
      name: 'upsert',
      text: `INSERT INTO bare (id, owner, balance, note, opened_on, seen_at, mark) VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (id) DO UPDATE SET owner = excluded.owner, balance = excluded.balance, note = excluded.note,
          opened_on = excluded.opened_on, seen_at = excluded.seen_at, mark = excluded.mark`,
      values: [id, owner, balance, note, openedOn, seenAt, mark],
    });
  const named: Readonly<Record<Name, Way>> = {
    bare: (account) => Promise.all([atLegacy(account), atModern(account)]),
    primary: atLegacy,
    single: (account) => single.replace(account, { timeoutMs }),
    group: (account) => group.replace(account, { timeoutMs }),
    groupBoth: (account) => group.replace(account, { ack: 'both', timeoutMs }),
  };
  const release = building.move();
  return { named, [Symbol.asyncDispose]: () => release.disposeAsync() };
}

function medianOf(all: readonly Measured[]): Measured {
  const of = (name: keyof Measured) => median(all.map((one) => one[name]));
  return { perSecond: of('perSecond'), p50Ms: of('p50Ms'), p95Ms: of('p95Ms'), p99Ms: of('p99Ms') };
}

function figuresOf({ perSecond, p50Ms, p95Ms, p99Ms }: Measured): Figures {
  return {
    perSecond: rounded(perSecond),
    p50Ms: rounded(p50Ms),
    p95Ms: rounded(p95Ms),
    p99Ms: rounded(p99Ms),
  };
}
