import { join } from 'node:path';
import type { Servers } from '../../deploy/dev/servers.ts';
import type { StoreName } from '../../model/failure.ts';
import { routes } from '../../model/phase.ts';
import { account, bound, newAccount, twin } from '../../test/support/accounts.ts';
import { advanceTo, validate } from '../../test/support/advance.ts';
import type { Connected } from '../../test/support/connect-both.ts';
import { createFixture, type Fixture } from '../../test/support/fixture.ts';
import { inDoubtIn } from '../../test/support/transactions.ts';
import { until } from '../../test/support/until.ts';
import { WorkerProcess } from '../../test/support/worker-process.ts';
import { Workers } from '../support/workers.ts';
import { amnesiaMigrationVariable, amnesiaOptions } from './migration.ts';
import { type Moment, momentName } from './moments.ts';
import { OpenWork, seenIn, type Write } from './open-work.ts';

const config = join(import.meta.dirname, 'lockstep.config.ts');

/** What became of a migration whose Temporal lost everything. */
export interface Outcome {
  readonly moment: string;
  readonly owed: number;
  readonly parked: number;
  readonly tentative: number;
  readonly inDoubt: number;
  /** From `lockstep start` until nothing was open but what waits for a person. */
  readonly drainSeconds: number;
  readonly faults: readonly string[];
}

/** Temporal's state is gone, and it runs again with nothing. */
export type LoseTemporal = () => Promise<void>;

export async function roundOf(
  servers: Servers,
  moment: Moment,
  loseTemporal: LoseTemporal,
): Promise<Outcome> {
  await using at = await createFixture(servers, amnesiaOptions);
  const environment = {
    ...process.env,
    ...at.environment,
    LOCKSTEP_CONFIG: config,
    [amnesiaMigrationVariable]: at.migration.name,
  };
  await using workers = new Workers(at.migration.name, environment, WorkerProcess.start);
  const worker = await workers.start();
  await worker.ready();
  const lockstep = await at.connect();
  await lockstep.control.start();
  await advanceTo(lockstep, moment.phase);
  if (moment.phase === 'switch-reads') await lockstep.control.setReadPercent(100);
  const { primary } = routes[moment.phase];
  const work = new OpenWork(at, lockstep, primary);
  const parked = await openWork(at, lockstep, moment, work);
  const before = await openIn(at);

  await worker.kill();
  await loseTemporal();
  await work.release();
  const next = await workers.start();
  await next.ready();
  return await afterwards({ at, lockstep, moment, work, parked, before, worker: next });
}

interface Lost {
  readonly at: Fixture;
  readonly lockstep: Connected;
  readonly moment: Moment;
  readonly work: OpenWork;
  readonly parked: readonly Write[];
  readonly before: Open;
  readonly worker: WorkerProcess;
}

/** As `lockstep start` alone, and then a person who decides about what is parked. */
async function afterwards({ at, lockstep, moment, work, parked, before }: Lost): Promise<Outcome> {
  const faults: string[] = [];
  const { control } = lockstep;
  const led = await control.status().catch(() => null);
  if (led !== null) faults.push('the status does not say that nobody leads the migration');
  const began = performance.now();
  const started = await control.start();
  const wanted = moment.change === 'between the openings' ? 'switch-primary' : moment.phase;
  if (started.phase !== wanted) faults.push(`it goes on in ${started.phase}, not in ${wanted}`);
  if (started.evidence !== null || started.evidenceVoided === null)
    faults.push('the evidence is not said to be lost');
  await work.answered();
  await until('nothing is open but what is parked', async () => {
    const { pending, tentative, inDoubt } = await openIn(at);
    return pending + tentative + inDoubt === 0;
  });
  const drainSeconds = Math.round((performance.now() - began) / 100) / 10;
  await decide(at, lockstep, moment, parked, faults);
  await judge(at, work, parked, faults);
  await goOn(at, lockstep, faults);
  const { pending: owed, parked: waiting, tentative, inDoubt } = before;
  return { moment: momentName(moment), owed, parked: waiting, tentative, inDoubt, drainSeconds, faults };
}

/** Gives what is parked. */
async function openWork(
  at: Fixture,
  lockstep: Connected,
  moment: Moment,
  work: OpenWork,
): Promise<readonly Write[]> {
  if (routes[moment.phase].secondary === null) return [];
  if (moment.change) {
    await changePrimary(at, lockstep, moment.change, work);
    return [];
  }
  const parked = await work.park(3);
  await work.owe(3);
  await work.leaveTentative();
  await work.leaveInDoubt(await work.pair());
  return parked;
}

/** Brings the change of primary to a point at which it stands still. */
async function changePrimary(
  at: Fixture,
  { control }: Connected,
  change: NonNullable<Moment['change']>,
  work: OpenWork,
): Promise<void> {
  const advance = () => void control.send('advance').catch(() => undefined);
  const state = async (store: StoreName) => await at.stores[store].readState(at.migration.name);
  if (change === 'before closing' || change === 'closing') {
    const pair = await work.pair();
    // What was decided is copied there before anything closes.
    const copying = await at.another('modern');
    await copying.rows('START TRANSACTION');
    await copying.rows(`LOCK TABLE ${work.table('modern', 'operations')} IN SHARE ROW EXCLUSIVE MODE`);
    const { changeNumber = 0 } = (await state('legacy')) ?? {};
    advance();
    await until(
      'the change has begun',
      async () => ((await state('legacy'))?.changeNumber ?? 0) > changeNumber,
    );
    await work.leaveInDoubt(pair);
    if (change === 'closing') {
      await copying.rows('ROLLBACK');
      await until('the closing waits for the fence', async () => await isFenceAwaited(at));
      return;
    }
    work.afterwards(async () => {
      await copying.rows('ROLLBACK');
    });
    return;
  }
  await work.owe(3);
  advance();
  await until('both stores are closed', async () => {
    const [legacy, modern] = [await state('legacy'), await state('modern')];
    return legacy?.open === false && modern?.open === false;
  });
  if (change === 'after closing') return;
  const opening = await at.another('legacy');
  await opening.rows('START TRANSACTION');
  await opening.rows(`SELECT epoch FROM ${work.table('legacy', 'state')} FOR UPDATE`);
  await work.release();
  await until('modern is open', async () => (await state('modern'))?.open === true);
  work.afterwards(async () => {
    await opening.rows('ROLLBACK');
  });
}

/** Legacy is on MariaDB or MySQL, where the fence is the row of the state. */
async function isFenceAwaited(at: Fixture): Promise<boolean> {
  const sessions = await at.sql.legacy(
    `SELECT INFO AS sql_text FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND INFO LIKE 'SELECT%FOR UPDATE' AND INFO NOT LIKE '%PROCESSLIST%'`,
  );
  return sessions.length > 0;
}

interface Open {
  readonly pending: number;
  readonly parked: number;
  readonly tentative: number;
  readonly inDoubt: number;
}

async function openIn(at: Fixture): Promise<Open> {
  const entries = (
    await Promise.all(
      [at.stores.legacy, at.stores.modern].map((store) =>
        store.journal({
          migration: at.migration.name,
          statuses: ['pending', 'tentative', 'parked'],
          limit: 100,
        }),
      ),
    )
  ).flat();
  const having = (wanted: string) => entries.filter(({ status }) => status === wanted).length;
  return {
    pending: having('pending'),
    tentative: having('tentative'),
    parked: having('parked'),
    inDoubt: (await inDoubtIn(at)).length,
  };
}

/** One is discarded, one compensated, and one tried again once the other store takes it. */
async function decide(
  at: Fixture,
  { control }: Connected,
  { phase }: Moment,
  [discarded, compensated, retried]: readonly Write[],
  faults: string[],
): Promise<void> {
  if (!discarded || !compensated || !retried) return;
  const { primary, secondary } = routes[phase];
  if (secondary === null) return;
  const tried = async (what: string, work: () => Promise<void>) => {
    await work().catch((error: unknown) => faults.push(`${what}: ${String(error)}`));
  };
  await tried('discard', () => control.resolve(discarded.operationId, 'discard'));
  await tried('compensate', () => control.resolve(compensated.operationId, 'compensate'));
  await at.sql[secondary]('ALTER TABLE accounts DROP CONSTRAINT accounts_limit');
  await tried('retry', () => control.resolve(retried.operationId, 'retry'));
  const expected = [
    [discarded, primary, 'after'],
    [discarded, secondary, 'before'],
    [compensated, primary, 'before'],
    [compensated, secondary, 'before'],
    [retried, primary, 'after'],
    [retried, secondary, 'after'],
  ] as const;
  for (const [write, store, wanted] of expected) {
    const seen = await seenIn(at.sql[store], write);
    if (seen !== wanted) faults.push(`${write.operationId} in ${store} is as ${seen}, not as ${wanted}`);
  }
  const { parked } = await openIn(at);
  if (parked > 0) faults.push(`${parked} are parked after all was decided`);
}

/** All others are in both stores or in neither, as their callers are told when they ask again. */
async function judge(
  at: Fixture,
  work: OpenWork,
  decided: readonly Write[],
  faults: string[],
): Promise<void> {
  for (const write of work.all.filter((one) => !decided.includes(one))) {
    const was = write.told;
    await work.sendAgain(write);
    if (was === 'acknowledged' && write.told !== 'acknowledged')
      faults.push(`${write.operationId} was acknowledged, and then ${JSON.stringify(write.told)}`);
    const wanted = write.told === 'acknowledged' ? 'after' : 'before';
    for (const store of ['legacy', 'modern'] as const) {
      const seen = await until(`${write.operationId} is at rest`, async () => {
        const { pending, tentative } = await openIn(at);
        return pending + tentative === 0 && (await seenIn(at.sql[store], write));
      });
      if (seen !== wanted)
        faults.push(`${write.operationId} (${JSON.stringify(write.told)}) in ${store} is as ${seen}`);
    }
  }
}

/** Writes are taken, and the next gate asks for evidence again, and opens. */
async function goOn(at: Fixture, lockstep: Connected, faults: string[]): Promise<void> {
  const { control } = lockstep;
  for (const entity of [account, twin, bound]) {
    await lockstep
      .repository(entity)
      .create(newAccount(), { ack: 'both' })
      .catch((error: unknown) => faults.push(`a write afterwards: ${String(error)}`));
  }
  const { phase } = await control.status();
  if (routes[phase].secondary === null) return;
  await lockstep.reconciliation.run({ repair: true });
  if (phase === 'backfill') {
    await control.startBackfill().catch(() => undefined);
    await until('the backfill is done', async () => (await control.status()).backfill?.done);
  } else if (phase !== 'dual-write') await validate(control);
  await control
    .send('advance')
    .catch((error: unknown) => faults.push(`it does not go on from ${phase}: ${String(error)}`));
  const { inDoubt } = await openIn(at);
  if (inDoubt > 0) faults.push(`${inDoubt} branches are left`);
}
