import mysql from 'mysql2/promise';
import { connect } from '../client/service/connect.ts';
import type { Account } from '../proofs/account/account.ts';
import { createProofEnvironment, type ProofEnvironment } from '../proofs/account/environment.ts';
import { proofMigration } from '../proofs/account/migration.ts';
import { atLeast, atMost, type Report, report } from '../proofs/report.ts';
import { createDatabasesOn } from '../test/support/databases.ts';
import { proxy } from '../test/support/proxy.ts';
import { until } from '../test/support/until.ts';
import { median, rounded, type Setting } from './bench.ts';
import { accountsOf } from './writes/accounts.ts';
import { type TurnLength, takeTurn } from './writes/turn.ts';
import { openUpserts } from './writes/upserts.ts';

const defaultOwed = 10_000;
const defaultRuns = 5;
const forMs = 3_000;
const crowd = 32;
const timeoutMs = 180_000;
const patienceMs = 600_000;

type Write = (account: Account) => Promise<unknown>;

/**
 * Writes that enter by the journal, and what is owed behind them: what a write costs beside two upserts with nothing durable between
 * them; whether the other store keeps up with 32 callers; and what callers, by the journal and by workflows, notice while writes that
 * are owed from an outage are caught up. Quiet and catching up take turns.
 */
export async function owed({ servers, seed, rows, runs, note }: Setting): Promise<Report> {
  const owedWrites = rows ?? defaultOwed;
  const rounds = runs ?? defaultRuns;
  await using databases = await createDatabasesOn(servers);
  await using modern = await proxy(databases.postgresqlUrl);
  await using environment = await createProofEnvironment({
    servers,
    databases,
    pattern: 'primary-secondary',
    phase: 'dual-write',
    through: { modern: modern.url },
    way: 'journal',
  });
  await using bare = await bareOn(environment);
  const journal: Write = (account) =>
    environment.lockstep.repository(environment.account).replace(account, { timeoutMs });
  const grouped = proofMigration(environment.migration.name, ['primary-secondary']);
  await using byWorkflow = await connect(grouped.migration, {
    environment: environment.environment,
    temporal: environment.temporal,
  });
  const group: Write = (account) => byWorkflow.repository(grouped.account).replace(account, { timeoutMs });

  const next = accountsOf(seed);
  const measure = (write: Write, callers: number, length: TurnLength) => turnOf(write, next, callers, length);

  const taken = new Map<string, number[]>();
  const take = (name: string, value: number) => {
    taken.set(name, [...(taken.get(name) ?? []), value]);
    note(`${name}: ${rounded(value)}`);
  };
  const of = (name: string) => median(taken.get(name) ?? []);

  for (let round = 0; round <= rounds; round++) {
    note(`round ${round} of ${rounds}`);
    // The first round warms up what the others measure.
    const keep = round === 0 ? (name: string, value: number) => note(`${name}: ${rounded(value)}`) : take;
    const order = round % 2 === 0 ? (['bare', 'journal'] as const) : (['journal', 'bare'] as const);
    for (const way of order) {
      const write = way === 'bare' ? bare.write : journal;
      keep(`${way} p50 ms, 1 caller`, (await measure(write, 1, { forMs })).p50Ms);
      await landed(environment);
    }
    for (const way of order) {
      const write = way === 'bare' ? bare.write : journal;
      const before = await completed(environment);
      const { perSecond, seconds } = await measure(write, crowd, { forMs });
      keep(`${way} writes/s, ${crowd} callers`, perSecond);
      if (way === 'journal') {
        const caughtUp = ((await completed(environment)) - before) / seconds;
        keep('landed behind the journal ÷ written', caughtUp / perSecond);
      }
      await landed(environment);
    }
    await modern.cut();
    await measure(journal, crowd, { atLeast: owedWrites });
    const quiet = {
      journal: await measure(journal, 1, { forMs }),
      group: await measure(group, 1, { forMs }),
    };
    await modern.restore();
    const began = performance.now();
    const most = await pending(environment);
    const busy = { journal: await measure(journal, 1, { forMs }), group: await measure(group, 1, { forMs }) };
    await landed(environment);
    keep('caught up, writes/s', most / ((performance.now() - began) / 1_000));
    const after = {
      journal: await measure(journal, 1, { forMs }),
      group: await measure(group, 1, { forMs }),
    };
    for (const way of ['journal', 'group'] as const) {
      // Quiet is before and after: what else the machine does is in both.
      const before = (quiet[way].p50Ms + after[way].p50Ms) / 2;
      keep(`${way} p50 ms, quiet`, before);
      keep(`${way} p50 ms, catching up`, busy[way].p50Ms);
      keep(`${way} p50, catching up ÷ quiet`, busy[way].p50Ms / before);
    }
    await landed(environment);
  }
  const ratio = (one: string, other: string) => rounded(of(one) / of(other));
  return report(
    'owed',
    seed,
    [
      atMost(
        'p50 with 1 caller, by the journal ÷ bare',
        1.5,
        ratio('journal p50 ms, 1 caller', 'bare p50 ms, 1 caller'),
      ),
      atLeast(
        `writes/s with ${crowd} callers, by the journal ÷ bare`,
        0.9,
        ratio(`journal writes/s, ${crowd} callers`, `bare writes/s, ${crowd} callers`),
      ),
      atLeast('landed behind the journal ÷ written', 0.5, rounded(of('landed behind the journal ÷ written'))),
      atMost(
        `p50 by the journal while ${owedWrites} are caught up ÷ quiet`,
        2,
        rounded(of('journal p50, catching up ÷ quiet')),
      ),
      atMost(
        `p50 by workflows while ${owedWrites} are caught up ÷ quiet`,
        2,
        rounded(of('group p50, catching up ÷ quiet')),
      ),
    ],
    {
      rounds,
      owedWrites,
      ...Object.fromEntries([...taken].map(([name, values]) => [name, rounded(median(values))])),
    },
  );
}

interface Measured {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly seconds: number;
}

/** Nobody's write may fail. */
async function turnOf(
  write: Write,
  next: () => Account,
  callers: number,
  length: TurnLength,
): Promise<Measured> {
  const way = { write, [Symbol.asyncDispose]: async () => undefined };
  const turn = await takeTurn(way, next, callers, length);
  if (turn.failed > 0) throw new Error(`${turn.failed} of ${turn.writes + turn.failed} writes failed`);
  return { perSecond: turn.writes / turn.seconds, p50Ms: turn.p50Ms, seconds: turn.seconds };
}

async function pending({ lockstep }: ProofEnvironment): Promise<number> {
  return (await lockstep.control.backlog()).pending;
}

/** Nothing is owed. */
async function landed(environment: ProofEnvironment): Promise<void> {
  await until('nothing is owed', async () => (await pending(environment)) === 0, patienceMs);
}

async function completed({ direct }: ProofEnvironment): Promise<number> {
  const connection = await mysql.createConnection({ uri: direct.legacy });
  try {
    const [found] = await connection.query<mysql.RowDataPacket[]>(
      `SELECT COUNT(*) AS found FROM lockstep_operations WHERE status = 'completed'`,
    );
    return Number(found[0]?.found);
  } finally {
    await connection.end();
  }
}

/** Two upserts side by side. */
async function bareOn({ direct }: ProofEnvironment): Promise<{ write: Write } & AsyncDisposable> {
  const upserts = openUpserts(direct);
  await upserts.createTables();
  return {
    write: (account) => Promise.all([upserts.legacy(account), upserts.modern(account)]),
    [Symbol.asyncDispose]: () => upserts[Symbol.asyncDispose](),
  };
}
