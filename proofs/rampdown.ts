import { connect, type Lockstep } from '../client/service/connect.ts';
import { createDatabasesOn } from '../test/support/databases.ts';
import { withLegacy, withModern } from './account/contents.ts';
import { createProofEnvironment, type ProofEnvironment } from './account/environment.ts';
import { migrationFrom } from './account/migration.ts';
import {
  atLeast,
  atMost,
  type Bar,
  type Conditions,
  exactly,
  type Figures,
  type Report,
  report,
} from './report.ts';

const keyCount = 1_000;
const readers = 10;
/** From the comparison that is one too many until the share is down: a report a second, a look a second, and the change. */
const downWithinSeconds = 15;

interface Round {
  /** Of all keys, spread evenly. */
  readonly planted: number;
  readonly goesDown: boolean;
}

/**
 * Rows of modern are changed behind its back, and read at a share of 50 %. Where more are wrong than the budget of 1 %, the share
 * goes to nothing by itself; where fewer are, it stays, also while other records are being written.
 */
export async function rampdown({ servers, seed, short, note }: Conditions): Promise<Report> {
  const rounds: readonly Round[] = [
    { planted: 0.02, goesDown: true },
    { planted: 0.002, goesDown: false },
    ...(short
      ? []
      : [
          { planted: 0.009, goesDown: false },
          { planted: 0.015, goesDown: true },
        ]),
  ];
  await using databases = await createDatabasesOn(servers);
  await using environment = await createProofEnvironment({
    servers,
    databases,
    pattern: 'primary-secondary',
    phase: 'switch-reads',
  });
  const ids = Array.from({ length: keyCount }, (_, index) => idOf(index));
  await fill(environment, ids);
  const bars: Bar[] = [];
  const figures: Record<string, Figures> = {};
  for (const round of rounds) {
    const name = `${Number((round.planted * 100).toFixed(3))} % planted`;
    const found = await played(environment, ids, round, short ? 2_000 : 10_000);
    note(`${name}: ${JSON.stringify(found)}`);
    figures[name] = { ...found };
    bars.push(
      exactly(`${name}: the share goes down by itself`, String(round.goesDown), String(found.wentDown)),
      exactly(`${name}: records counted as wrong that were not planted`, 0, found.invented),
    );
    if (round.goesDown) {
      bars.push(
        exactly(`${name}: share in the end`, 0, found.readPercent),
        atMost(`${name}: seconds from the first read until it is down`, short ? 120 : 60, found.seconds),
        atMost(
          `${name}: seconds from one wrong read too many until it is down`,
          downWithinSeconds,
          found.secondsToAct,
        ),
      );
    } else {
      bars.push(atLeast(`${name}: reads compared`, short ? 2_000 : 10_000, found.compared));
    }
  }
  return report('rampdown', seed, bars, figures);
}

interface Played {
  wentDown: boolean;
  readPercent: number;
  compared: number;
  unequal: number;
  inFlight: number;
  /** Wrong by the counts, less those that the proof itself knows to have read wrong. */
  invented: number;
  liveWrites: number;
  seconds: number;
  secondsToAct: number;
}

async function played(
  environment: ProofEnvironment,
  ids: readonly string[],
  { planted, goesDown }: Round,
  enough: number,
): Promise<Played> {
  const { control } = environment.lockstep;
  const every = Math.round(1 / planted);
  const wrong = new Set(ids.filter((_, index) => index % every === every - 1));
  await plant(environment, wrong);
  await control.setReadPercent(50);
  // One that goes by the new share from its first read on.
  await using client = await connect(migrationFrom(environment.environment), {
    environment: environment.environment,
    temporal: environment.temporal,
  });
  const began = performance.now();
  const live = writing(
    client,
    environment,
    ids.filter((id) => !wrong.has(id)),
  );
  let over = 0;
  let next = 0;
  let readWrong = 0;
  let isDown = false;
  const counts = () => client.shadow.counts();
  const compared = () => counts().equal + counts().unequal;
  const read = async () => {
    const repository = client.repository(environment.account);
    while (!isDown && (goesDown || compared() < enough)) {
      const id = ids[next++ % keyCount] ?? '';
      if (wrong.has(id)) readWrong += 1;
      await repository.get(id, { shadow: true });
      if (over === 0 && counts().unequal > Math.max(compared(), 1_000) * 0.01) over = performance.now();
    }
  };
  const watching = (async () => {
    while (!isDown && (goesDown || compared() < enough)) {
      isDown = (await control.status()).rampedDown !== null;
      await pause(100);
    }
  })();
  await Promise.all([...Array.from({ length: readers }, read), watching]);
  const downAt = performance.now();
  const liveWrites = await live.stop();
  // What disagreed last is looked at again, and reported.
  await pause(5_000);
  const { readPercent, rampedDown } = await control.status();
  const { unequal, inFlight } = counts();
  return {
    wentDown: rampedDown !== null,
    readPercent,
    compared: compared(),
    unequal,
    inFlight,
    invented: Math.max(0, unequal - readWrong),
    liveWrites,
    seconds: seconds(downAt - began),
    secondsToAct: over === 0 ? 0 : seconds(downAt - over),
  };
}

/** Writes records that are right, so that shadow reads meet writes on their way. */
function writing(client: Lockstep, { account }: ProofEnvironment, ids: readonly string[]) {
  const repository = client.repository(account);
  let stopped = false;
  let count = 0;
  const done = (async () => {
    while (!stopped) {
      const id = ids[(count * 7) % ids.length] ?? '';
      count += 1;
      await repository.update(id, { mark: 1_000_000 + count });
      await pause(50);
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await done;
      return count;
    },
  };
}

/** Equal rows in both stores, as a backfill leaves them. */
async function fill({ direct }: ProofEnvironment, ids: readonly string[]): Promise<void> {
  const rows = ids.map((id) => `('${id}', 'right', 1.00, '2030-01-31', '2030-01-31 00:00:00', 1)`).join(', ');
  await withLegacy(direct.legacy, (query) =>
    query(`INSERT INTO acct (id, owner_nm, bal, opened, last_seen, mark) VALUES ${rows}`),
  );
  await withModern(direct.modern, async (query) => {
    await query("SET TIME ZONE 'UTC'");
    await query(`INSERT INTO accounts (id, owner, balance, opened_on, seen_at, mark) VALUES ${rows}`);
  });
}

/** Behind Lockstep's back; what was planted before is made right. */
async function plant({ direct }: ProofEnvironment, wrong: ReadonlySet<string>): Promise<void> {
  const ids = [...wrong].map((id) => `'${id}'`).join(', ');
  await withModern(direct.modern, async (query) => {
    await query("UPDATE accounts SET owner = 'right' WHERE owner <> 'right'");
    await query(`UPDATE accounts SET owner = 'planted' WHERE id IN (${ids})`);
  });
}

function idOf(index: number): string {
  return `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`;
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
