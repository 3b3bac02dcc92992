import { isLockstepError, type Phase, phases } from 'lockstep';
import type { Evidence, MigrationStatus } from 'lockstep/operator';
import type { LegacyStop } from '../audit.ts';
import { order } from '../order.ts';
import { OrderService } from '../service.ts';
import type { DemoEnvironment } from './environment.ts';
import type { DemoOptions } from './options.ts';
import { bar, count, type Screen } from './screen.ts';

const writesPerSecond = 20;
const copiedPerSecond = 400;
const outageMs = 10_000;
const patienceMs = 120_000;
// The gate of modern-only lets writes pass that are pending for less than this.
const mayBePendingMs = 5_000;
const gateSpeaksAfterMs = 3_000;

const meanings: Readonly<Record<Phase, string>> = {
  'legacy-only': 'legacy decides and answers',
  'dual-write': 'legacy decides, every write follows in modern',
  backfill: 'history is copied in key ranges, beside the live writes',
  validate: 'images of both stores are compared',
  'switch-reads': 'modern answers a growing share of the reads',
  'switch-primary': 'modern decides, legacy follows: the way back is open',
  'modern-only': 'legacy receives nothing any more',
  decommissioned: 'the legacy tables are renamed',
};

export interface Told {
  phases: { phase: Phase; seconds: number; acknowledged: number }[];
  validation: Evidence | null;
  outageSeconds: number;
  legacyStop: LegacyStop;
  service: OrderService;
}

/** From `legacy-only` to `modern-only` under traffic, with a crash and an outage on the way. */
export class Story {
  readonly #stage: DemoEnvironment;
  readonly #screen: Screen;
  readonly #options: DemoOptions;
  readonly #service: OrderService;
  readonly #told: Told;
  #backlog = 0;
  #progress = '';

  constructor(stage: DemoEnvironment, screen: Screen, options: DemoOptions) {
    this.#stage = stage;
    this.#screen = screen;
    this.#options = options;
    this.#service = new OrderService({
      orders: stage.lockstep.repository(order),
      existing: stage.existing,
      log: stage.log,
      seed: options.seed,
      writesPerSecond,
    });
    this.#told = {
      phases: [],
      validation: null,
      outageSeconds: 0,
      legacyStop: { from: 0, to: 0 },
      service: this.#service,
    };
  }

  async tell(): Promise<Told> {
    const { control } = this.#stage.operator;
    const counting = setInterval(() => {
      control.backlog().then(
        ({ pending, parked }) => {
          this.#backlog = pending + parked;
        },
        () => {},
      );
    }, 1_000);
    try {
      await control.start();
      this.#enter('legacy-only');
      this.#service.start();
      this.#screen.watch(() => this.#traffic());
      this.#screen.good(
        `a service creates, changes and deletes orders, ${writesPerSecond} writes a second, without pause`,
      );
      await this.#pause(4_000);
      await this.#dualWrite();
      await this.#backfill();
      await this.#validate();
      await this.#switchReads();
      await this.#switchPrimary();
      await this.#leaveLegacy();
      return this.#told;
    } finally {
      this.#screen.still();
      clearInterval(counting);
      await this.#service.stop();
    }
  }

  async #dualWrite(): Promise<void> {
    await this.#advance('dual-write');
    await this.#pause(4_000);
  }

  async #backfill(): Promise<void> {
    const { control } = this.#stage.operator;
    await control.setRate(copiedPerSecond);
    await this.#advance('backfill');
    this.#screen.good(`at ${copiedPerSecond} orders a second, so that there is something to see`);
    await this.#until(({ backfill }) => (backfill?.copied ?? 0) > (backfill?.total ?? 0) * 0.1);
    const dead = await this.#stage.workers.kill();
    this.#screen.bad(`${dead} killed with SIGKILL; what it was doing, another will finish`);
    const successor = this.#stage.workers.start();
    // Awaited after the outage; until then its failure must not count as one that nobody handles.
    successor.catch(() => {});
    await this.#outage();
    this.#screen.good(`${await successor} takes the dead one's place`);
    await control.setRate(null);
    const { backfill } = await this.#until(({ backfill: found }) => found?.running === false);
    if (!backfill?.done) throw new Error(`the backfill stopped: ${backfill?.stopped ?? 'nobody says why'}`);
    this.#screen.good(
      `${count(backfill.copied)} orders copied, ${count(backfill.skipped)} were there already, ${count(backfill.refused)} refused`,
    );
  }

  /** PostgreSQL goes away while the service writes on: the writes are pending to it. */
  async #outage(): Promise<void> {
    const { outage, log } = this.#stage;
    const startedAt = Date.now();
    await outage.begin();
    this.#screen.bad(`${outage.what}, for ${outageMs / 1000} seconds; the service notices nothing`);
    const before = log.count('acknowledged');
    await wait(outageMs - (Date.now() - startedAt));
    const during = log.count('acknowledged') - before;
    await outage.end();
    this.#told.outageSeconds = Math.round((Date.now() - startedAt) / 100) / 10;
    this.#screen.good(
      `PostgreSQL is back; ${count(during)} writes were acknowledged meanwhile and are pending to it`,
    );
  }

  async #validate(): Promise<void> {
    await this.#advance('validate');
    const { evidence } = await this.#until(({ validating }) => !validating);
    if (!evidence) throw new Error('the validation gave no evidence');
    this.#told.validation = evidence;
    const { compared, differences, ambiguous, upperBound } = evidence;
    this.#screen.good(
      `a sample of ${count(compared)} orders compared: ${differences} differences, ${ambiguous} ambiguous; ` +
        `with 95 % confidence at most ${(upperBound * 100).toFixed(2)} % differ`,
    );
  }

  async #switchReads(): Promise<void> {
    await this.#advance('switch-reads');
    for (const percent of [10, 50, 100]) {
      await this.#stage.operator.control.setReadPercent(percent);
      this.#screen.good(`modern answers ${percent} % of the keys`);
      await this.#pause(2_000);
    }
  }

  async #switchPrimary(): Promise<void> {
    await this.#advance('switch-primary');
    await this.#pause(4_000);
  }

  async #leaveLegacy(): Promise<void> {
    const from = Date.now() - mayBePendingMs;
    await this.#advance('modern-only');
    this.#told.legacyStop = { from, to: Date.now() };
    await this.#pause(3_000);
    await this.#service.stop();
    this.#close();
    await this.#drained();
    this.#screen.good('the service has stopped, and nothing is pending');
  }

  /** Asks for the next phase until its gate lets the migration in. */
  async #advance(to: Phase): Promise<void> {
    const startedAt = Date.now();
    let isSaid = false;
    for (;;) {
      try {
        const { phase } = await this.#stage.operator.control.send('advance');
        if (phase !== to) throw new Error(`the migration is in ${phase}, not in ${to}`);
        this.#enter(to);
        return;
      } catch (error) {
        const waitedMs = Date.now() - startedAt;
        if (!isLockstepError(error, 'GateRefused') || waitedMs > patienceMs) throw error;
        if (!isSaid && waitedMs > gateSpeaksAfterMs) {
          this.#screen.say(error.message);
          isSaid = true;
        }
        await wait(500);
      }
    }
  }

  #enter(phase: Phase): void {
    this.#close();
    this.#told.phases.push({
      phase,
      seconds: Date.now(),
      acknowledged: this.#stage.log.count('acknowledged'),
    });
    this.#screen.phase(`${phases.indexOf(phase) + 1}/7 ${phase}`, meanings[phase]);
  }

  /** Turns what was noted when the phase began into what happened in it. */
  #close(): void {
    const last = this.#told.phases.at(-1);
    if (!last) return;
    last.seconds = Math.round((Date.now() - last.seconds) / 100) / 10;
    last.acknowledged = this.#stage.log.count('acknowledged') - last.acknowledged;
  }

  async #until(isSo: (status: MigrationStatus) => boolean): Promise<MigrationStatus> {
    const end = Date.now() + patienceMs;
    for (;;) {
      const status = await this.#stage.operator.control.status().catch((error: unknown) => {
        // A worker was killed, and a machine may be slow: the others are asked again.
        if (!isLockstepError(error, 'NoWorker') || Date.now() >= end) throw error;
        return null;
      });
      if (status === null) continue;
      const { backfill } = status;
      this.#progress = backfill?.running ? `${bar(backfill.copied + backfill.skipped, backfill.total)} ` : '';
      if (isSo(status)) return status;
      if (Date.now() >= end) {
        const failure = status.lastFailure ? `; last failure: ${status.lastFailure}` : '';
        throw new Error(
          `the migration did not come on in ${status.phase} within ${patienceMs / 1000} seconds${failure}`,
        );
      }
      await wait(500);
    }
  }

  async #drained(): Promise<void> {
    const end = Date.now() + patienceMs;
    for (;;) {
      const { pending, parked } = await this.#stage.operator.control.backlog();
      if (pending + parked === 0) return;
      if (Date.now() >= end) throw new Error(`${pending} writes are still pending and ${parked} are parked`);
      await wait(250);
    }
  }

  #traffic(): string {
    const { log } = this.#stage;
    const facts = [
      `${count(log.count('acknowledged'))} writes acknowledged`,
      `${count(log.count('refused'))} refused`,
      `${count(log.count('open'))} under way`,
      `${count(this.#backlog)} pending for the other store`,
    ];
    return `${this.#progress}${facts.join(' · ')}`;
  }

  /** A pause for whoever watches. */
  async #pause(ms: number): Promise<void> {
    await wait(this.#options.fast ? ms / 4 : ms);
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
