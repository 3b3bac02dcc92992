import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { examine } from '../../client/operator/doctor.ts';
import { openStores } from '../../databases/open.ts';
import type { Pattern } from '../../model/entity.ts';
import { LockstepError, type StoreName } from '../../model/failure.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { otherStore, type Phase, routes } from '../../model/phase.ts';
import { HybridClock, isNewer } from '../../model/version.ts';
import { advanceTo } from '../../test/support/advance.ts';
import type { Databases } from '../../test/support/databases.ts';
import { until } from '../../test/support/until.ts';
import { type Contents, legacyContents, modernContents, withLegacy } from '../account/contents.ts';
import { drained } from '../account/drain.ts';
import { createProofEnvironment, type ProofEnvironment } from '../account/environment.ts';
import type { CheckResult } from '../account/fault.ts';
import { lastAnswer, type Promised, PromiseLog } from '../account/promises.ts';
import { RandomWrites } from '../account/random.ts';
import { Traffic } from '../account/traffic.ts';
import type { Conditions } from '../report.ts';
import { judge, unversioned } from './promised.ts';
import type { Scenario } from './scenarios.ts';

const callers = 8;
const writesPerBatch = 60;
const seeds = 6;
const sentAgainShare = 0.1;

/** Copies a store, and gives what puts the copy back. */
export type CopyStore = (store: StoreName) => Promise<() => Promise<void>>;

/** What became of one migration in one scenario. */
export interface Outcome {
  readonly pattern: Pattern;
  readonly findings: readonly CheckResult[];
  /** What did not say that the store was set back, and should have. */
  readonly silent: readonly string[];
  /** Writes that a set-back primary took. */
  readonly taken: number;
  /** Writes that took effect once more when they were sent again. */
  readonly twice: number;
  readonly writes: number;
  readonly sentAgain: number;
  /** Writes that were not sent again, because no journal had their ids after the restore. */
  readonly forgotten: number;
  readonly regressed: readonly string[];
}

/** One migration, with what was promised about it. */
export class Round implements AsyncDisposable {
  readonly #environment: ProofEnvironment;
  readonly #scenario: Scenario;
  readonly #pattern: Pattern;
  readonly #log: PromiseLog;
  readonly #traffic: Traffic;
  readonly #random: RandomWrites;
  #asked = 0;
  #taken = 0;
  #silent: string[] = [];
  #regressed: string[] = [];
  /** The route before the restore. */
  #before = { epoch: 0, changeNumber: 0 };
  /** Ids that a journal has after the restore. */
  readonly #remembered = new Set<string>();
  #forgotten = 0;
  #sentAgain = 0;
  #restoredAt = 0;
  /** Those that a store has after the restore. */
  #kept: readonly Promised[] = [];

  private constructor(
    environment: ProofEnvironment,
    scenario: Scenario,
    { pattern, seed }: { pattern: Pattern; seed: number },
  ) {
    this.#environment = environment;
    this.#scenario = scenario;
    this.#pattern = pattern;
    this.#log = new PromiseLog(join(environment.folder, 'promises.jsonl'));
    const accounts = environment.lockstep.repository(environment.account);
    this.#traffic = new Traffic({ accounts, log: this.#log, seed, askAgainForMs: 60_000 });
    this.#random = new RandomWrites(seed + 1);
  }

  /** Brings a migration to the phase of the copy, with rows from before it and some writes. */
  static async begin(
    { servers }: Pick<Conditions, 'servers'>,
    databases: Databases,
    scenario: Scenario,
    given: { pattern: Pattern; seed: number },
  ): Promise<Round> {
    const environment = await createProofEnvironment({
      servers,
      databases,
      pattern: given.pattern,
      phase: 'legacy-only',
      settings: {
        write: { primaryGiveUpMs: 2_000 },
        phases: { soakMs: 0 },
        validation: { recheckDelayMs: 200 },
      },
    });
    try {
      const round = new Round(environment, scenario, given);
      await round.#seed();
      const { lockstep } = environment;
      await advanceTo(lockstep, scenario.copiedIn);
      await round.#write();
      await round.#quiet();
      return round;
    } catch (error) {
      await environment[Symbol.asyncDispose]();
      throw error;
    }
  }

  get urls(): Readonly<Record<StoreName, string>> {
    return this.#environment.direct;
  }

  /** What the copy lacks: writes, also of the rows from before, and the phases up to that of the restore. */
  async goOn(): Promise<void> {
    const { restoredIn, store, detour } = this.#scenario;
    const { lockstep } = this.#environment;
    const copiedAt = new HybridClock().next();
    await this.#changeSeeds();
    if (detour) {
      await this.#write();
      await advanceTo(lockstep, 'switch-primary');
      await this.#write();
      await lockstep.control.send('rollback');
    }
    await this.#write();
    await this.#quiet();
    this.#kept = this.#log.all().slice();
    await this.#seen(store, copiedAt);
    await advanceTo(lockstep, restoredIn);
    await this.#write();
    await this.#quiet();
    const { primary, secondary } = routes[restoredIn];
    if (secondary !== null || primary !== store) this.#kept = this.#log.all().slice();
    const states = await this.#states();
    this.#before = { epoch: highest(states, 'epoch'), changeNumber: highest(states, 'changeNumber') };
  }

  /** Right after the restore: who says so, and does the store still take writes? */
  async look(): Promise<void> {
    const { store } = this.#scenario;
    this.#restoredAt = Date.now();
    for (const { journal } of Object.values(await this.#contents()))
      for (const { id } of journal) this.#remembered.add(id);
    if (!this.#isTold) return;
    const { lockstep, migration, environment } = this.#environment;
    const { control } = lockstep;
    const wanted = `the ${store} store was set back`;
    const { setBack } = await control.faults(await control.status());
    if (!setBack.some((reason) => reason.includes(wanted))) this.#silent.push('status');
    const checks = await examine(migration, environment);
    if (!checks.some(({ found, ok }) => !ok && found.includes(wanted))) this.#silent.push('doctor');
    const advanced = await control.send('advance').catch((error: unknown) => error);
    if (!isLockstepError(advanced, 'GateRefused')) this.#silent.push('gate');
    if (routes[this.#scenario.restoredIn].primary !== store) return;
    const accounts = lockstep.repository(this.#environment.account);
    // Not among the promises: whoever takes it has a row that nobody asked for.
    const value = this.#random.account(this.#random.newKey());
    const answer = await accounts.create(value).catch((error: unknown) => error);
    if (!(answer instanceof LockstepError)) this.#taken += 1;
  }

  /** The remedy of docs/restore.md, then writes as before, some of them sent again, also after a change of primary. */
  async mend(): Promise<Outcome> {
    const { store, restoredIn } = this.#scenario;
    const { lockstep } = this.#environment;
    const isPrimary = routes[restoredIn].primary === store;
    if (this.#isTold) {
      const from = isPrimary ? { from: otherStore(store) } : {};
      await lockstep.reconciliation.run({ repair: true, ...from });
      const { setBack } = await lockstep.control.faults(await lockstep.control.status());
      if (setBack.length > 0) this.#regressed.push(`after the repair: ${setBack.join()}`);
    }
    const lost = new Set(this.#log.all().filter((promised) => !this.#kept.includes(promised)));
    const findings = [...(await this.#judge(this.#kept))];
    await this.#judgeRoute();
    if (this.#isTold)
      await until('writes are taken again', () =>
        this.#tryWrite().then(
          () => true,
          () => false,
        ),
      );
    await this.#write();
    let twice = await this.#sendAgain(lost);
    await this.#quiet();
    const now = () => this.#log.all().filter((promised) => !lost.has(promised));
    findings.push(...(await this.#judge(now())));
    if (await this.#changePrimary()) {
      twice += await this.#sendAgain(lost);
      await this.#write();
      await this.#quiet();
      findings.push(...(await this.#judge(now())));
    }
    return {
      pattern: this.#pattern,
      findings,
      silent: this.#silent,
      taken: this.#taken,
      twice,
      writes: this.#log.all().length,
      sentAgain: this.#sentAgain,
      forgotten: this.#forgotten,
      regressed: this.#regressed,
    };
  }

  /** A store that receives nothing any more is not missed, nor does it matter. */
  get #isTold(): boolean {
    return this.#scenario.restoredIn !== 'modern-only' || this.#scenario.store === 'modern';
  }

  async #seed(): Promise<void> {
    for (let turn = 0; turn < seeds; turn++) {
      const account = { ...this.#random.account(randomUUID()), mark: -1 - turn };
      const { id, owner, balance, note, openedOn, seenAt, mark } = account;
      await withLegacy(this.urls.legacy, (query) =>
        query(
          `INSERT INTO acct VALUES (${[id, owner, balance, note, openedOn, seenAt.replace('T', ' ').replace('Z', ''), String(mark)].map(literal).join(', ')})`,
        ),
      );
      const operationId = `seed-${turn}`;
      this.#log.ask({ operationId, key: id, change: { kind: 'create', account }, expected: null });
      this.#log.answer(operationId, { outcome: 'acknowledged', version: unversioned });
    }
  }

  /** One is updated, one is deleted, the others stay as they are. */
  async #changeSeeds(): Promise<void> {
    const [first, second] = this.#log.all().filter(({ operationId }) => operationId.startsWith('seed-'));
    const accounts = this.#environment.lockstep.repository(this.#environment.account);
    if (!first || !second) throw new Error('there are no rows from before');
    const patch = { owner: 'changed' };
    this.#log.ask({
      operationId: 'changed-seed',
      key: first.key,
      change: { kind: 'update', patch },
      expected: null,
    });
    const changed = await accounts.update(first.key, patch, { operationId: 'changed-seed', ack: 'both' });
    this.#log.answer('changed-seed', { outcome: 'acknowledged', version: changed.version });
    this.#log.ask({
      operationId: 'deleted-seed',
      key: second.key,
      change: { kind: 'delete' },
      expected: null,
    });
    const deleted = await accounts.delete(second.key, { operationId: 'deleted-seed', ack: 'both' });
    this.#log.answer('deleted-seed', { outcome: 'acknowledged', version: deleted.version });
  }

  async #write(): Promise<void> {
    this.#asked += writesPerBatch;
    await this.#traffic.executeTransaction(this.#asked, callers);
  }

  async #tryWrite(): Promise<void> {
    const accounts = this.#environment.lockstep.repository(this.#environment.account);
    const account = this.#random.account(this.#random.newKey());
    const operationId = `try-${account.id}`;
    const { version } = await accounts.create(account, { operationId });
    this.#log.ask({ operationId, key: account.id, change: { kind: 'create', account }, expected: null });
    this.#log.answer(operationId, { outcome: 'acknowledged', version });
  }

  async #quiet(): Promise<void> {
    await drained(this.urls, (open) => open.length > 0);
  }

  /** Until the other store has seen the one that is to be restored later than its copy is; marks stand still in modern-only. */
  async #seen(store: StoreName, copiedAt: string): Promise<void> {
    const { migration, environment } = this.#environment;
    const stores = openStores(migration, environment);
    try {
      await until('the stores have seen each other', async () => {
        const { seen } = await stores[otherStore(store)].marks(migration.name);
        return isNewer(seen, copiedAt);
      });
    } finally {
      await stores.legacy.close();
      await stores.modern.close();
    }
  }

  async #states() {
    const { migration, environment } = this.#environment;
    const stores = openStores(migration, environment);
    try {
      return [await stores.legacy.readState(migration.name), await stores.modern.readState(migration.name)];
    } finally {
      await stores.legacy.close();
      await stores.modern.close();
    }
  }

  /** No route may go back; a store that is out of it may have an old one. */
  async #judgeRoute(): Promise<void> {
    if (!this.#isTold) return;
    for (const state of await this.#states()) {
      if (!state || state.epoch < this.#before.epoch || state.changeNumber < this.#before.changeNumber)
        this.#regressed.push(
          `epoch ${state?.epoch}, change ${state?.changeNumber}; before ${this.#before.epoch}, ${this.#before.changeNumber}`,
        );
    }
  }

  async #judge(promises: readonly Promised[]): Promise<CheckResult[]> {
    const contents = await this.#contents();
    const alone = routes[this.#phase].secondary === null;
    return judge(promises, alone ? { modern: contents.modern } : contents);
  }

  async #contents(): Promise<Record<StoreName, Contents>> {
    return {
      legacy: await legacyContents(this.urls.legacy),
      modern: await modernContents(this.urls.modern),
    };
  }

  get #phase(): Phase {
    return this.#scenario.restoredIn;
  }

  /** Those whose condition may have changed since are not among them. */
  async #sendAgain(except: ReadonlySet<Promised>): Promise<number> {
    let twice = 0;
    const known = this.#log
      .all()
      .filter((promised) => promised.expected === null && !except.has(promised))
      .filter(({ operationId }) => operationId.startsWith('write-'));
    const chosen = known.filter((_, at) => at % Math.round(1 / sentAgainShare) === this.#sentAgain % 7);
    for (const promised of chosen) {
      const first = lastAnswer(promised);
      if (first.outcome !== 'acknowledged') continue;
      if (promised.askedAt < this.#restoredAt && !this.#remembered.has(promised.operationId)) {
        this.#forgotten += 1;
        continue;
      }
      this.#sentAgain += 1;
      const again = await this.#traffic.sendAgain(promised);
      if (again.outcome === 'acknowledged' && again.version === first.version) continue;
      twice += 1;
      // So that what follows from it is not found once more.
      if (again.outcome === 'acknowledged') this.#log.answer(promised.operationId, again);
    }
    return twice;
  }

  /** Forward or back, where the phase allows it. */
  async #changePrimary(): Promise<boolean> {
    const { lockstep } = this.#environment;
    if (this.#phase === 'switch-primary') {
      await lockstep.control.send('rollback');
      return true;
    }
    if (this.#phase !== 'switch-reads') return false;
    await advanceTo(lockstep, 'switch-primary');
    return true;
  }

  keep(): string {
    this.#environment.keepFolder();
    return this.#environment.folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#environment[Symbol.asyncDispose]();
  }
}

function literal(value: string | null): string {
  return value === null ? 'NULL' : `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

function highest(
  states: readonly ({ epoch: number; changeNumber: number } | null)[],
  what: 'epoch' | 'changeNumber',
): number {
  return Math.max(...states.map((state) => state?.[what] ?? 0));
}
