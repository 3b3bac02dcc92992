import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { WithStartWorkflowOperation } from '@temporalio/client';
import { connect, type Lockstep } from '../../client/service/connect.ts';
import { connectTemporal } from '../../client/temporal/connection.ts';
import { until } from '../../test/support/until.ts';
import { type MigrationStatus, saveAcknowledged, writeWorkflowId } from '../../workflows/messages.ts';
import type { Canaries } from './canary.ts';
import type { CanaryEnvironment } from './environment.ts';
import { type Person, person, personOf, refusedByModern } from './person.ts';

/** Of so many people there is a row before the migration begins. */
const peopleBefore = 20;

export interface Witness {
  /** An error that a service was given, or a warning of its process. */
  error(error: unknown): void;
  output(command: string, text: string): void;
  /** Looks at the processes and at what the servers say of their sessions. */
  look(): Promise<void>;
}

/** A keyed migration from its beginning to a change of primary and back, with everything that goes wrong on its way. */
export class Life {
  readonly #at: CanaryEnvironment;
  readonly #canaries: Canaries;
  readonly #witness: Witness;
  readonly #asked: readonly string[];
  /** The commands that were run. */
  readonly ran = new Set<string>();
  /** The phases that the migration was in. */
  phases = '';
  errors = 0;

  constructor(at: CanaryEnvironment, canaries: Canaries, witness: Witness) {
    this.#at = at;
    this.#canaries = canaries;
    this.#witness = witness;
    this.#asked = ['--by', `${canaries.note} by`, '--reason', `${canaries.note} reason`];
  }

  /** Before there is a worker. */
  async begin(): Promise<void> {
    const { sql } = this.#at;
    for (let number = 1; number <= peopleBefore; number++)
      await sql.legacy(
        insertion(personOf(this.#canaries, number, number === 1 ? { balance: refusedByModern } : {})),
      );
    await this.#both('doctor');
    await this.#both('plan', '--scan');
    await this.#both('schema');
    await this.#both('dev status');
    await this.#command('prepare', '--dry-run');
    await this.#command('prepare', '--grants', '--json');
    await this.#command('prepare', '--json', '--yes');
    await this.#command('codec', '--origin', 'https://temporal.example');
    const elsewhere = this.#withPassword('wrong');
    await this.#command('doctor', { environment: elsewhere });
    await this.#command('status', '--json', { environment: elsewhere });
  }

  /** With a worker. */
  async live(): Promise<void> {
    await this.#both('start', '--yes');
    await this.#command('advance', '--dry-run', ...this.#asked);
    await this.#command('advance', '--yes', ...this.#asked);
    await using lockstep = await connect(this.#at.migration, { environment: this.#at.environment });
    await this.#write(lockstep);
    await this.#fail(lockstep);
    await this.#park(lockstep);
    await this.#saveAsOthers();
    await this.#command('advance', '--json', '--yes', ...this.#asked);
    await this.#copy();
    await this.#compare(lockstep);
    await this.#switch(lockstep);
    await this.#both('journal list');
    await this.#both('status');
    await this.#command('apply', '--yes');
    await this.#command('decommission', '--dry-run', '--watch-seconds', '0');
    const { history } = await this.#status();
    this.phases = history.map(({ phase }) => phase).join(' ');
  }

  async #write(lockstep: Lockstep): Promise<void> {
    const people = lockstep.repository(person);
    const { token } = await people.create(this.#person(100), { ack: 'both' });
    await people.replace(this.#person(101), { ack: 'both' });
    await people.update(
      this.#key(100),
      { name: `${this.#canaries.row} again` },
      { ifUnchangedSince: token, ack: 'both' },
    );
    await people.delete(this.#key(101), { ack: 'both' });
    await people.get(this.#key(100), { withToken: true, shadow: true });
    await people.getMany([1, 2, 100].map((number) => this.#key(number)));
  }

  /** Whatever a service does wrong, or finds wrong. */
  async #fail(lockstep: Lockstep): Promise<void> {
    const { key, row, password } = this.#canaries;
    const people = lockstep.repository(person);
    const stray = this.#canaries['json-key'];
    const sound = this.#person(102);
    const unsound = (given: object) => people.create({ ...sound, ...given });
    await this.#failing(people.create(this.#person(100)));
    await this.#failing(people.create({ ...sound, email: this.#person(100).email }));
    await this.#failing(people.update(this.#key(999), { name: row }));
    await this.#failing(people.delete(this.#key(999)));
    await this.#failing(unsound({ [stray]: row }));
    await this.#failing(unsound({ balance: row }));
    await this.#failing(unsound({ balance: `1.00${row}` }));
    await this.#failing(unsound({ id: key.repeat(20) }));
    await this.#failing(unsound({ name: row.repeat(20) }));
    await this.#failing(unsound({ name: { [stray]: row } }));
    await this.#failing(unsound({ photo: row }));
    await this.#failing(people.update(this.#key(100), { [stray]: row } as never));
    await this.#failing(people.get({ [stray]: key } as never));
    await this.#failing(people.get(this.#key(100), { atLeast: row as never }));
    await this.#failing(people.update(this.#key(100), { name: row }, { ifUnchangedSince: row as never }));
    await this.#failing(people.create(sound, { operationId: `${row} is no id` }));
    await this.#failing(unsound({ document: { [stray]: '\ud800' } }));
    await this.#failing(unsound({ email: undefined }));
    await this.#failing(people.getMany([{ [stray]: key } as never, this.#key(100)]));
    const { query } = await lockstep.readsFrom(person);
    await this.#failing(query('SELECT absent FROM people WHERE name = ?', [row]));
    const other = await people.update(this.#key(100), { name: row }, { ack: 'both' });
    await people.update(this.#key(100), { name: `${row} newer` }, { ack: 'both' });
    await this.#failing(people.update(this.#key(100), { name: row }, { ifUnchangedSince: other.token }));
    for (const environment of [this.#withPassword(`${password}x`), this.#withPassword(password, 1)])
      await this.#failing(
        connect(this.#at.migration, { environment }).then(async (connected) => {
          await using elsewhere = connected;
          await elsewhere.repository(person).get(`${key}-100`);
        }),
      );
    for (const faulty of [
      `mysql://u:${password}@[h`,
      `mysql://u:${password}@h/d?x=${password}`,
      `ftp://u:${password}@h/d`,
    ]) {
      const environment = { ...this.#at.environment, LOCKSTEP_LEGACY_URL: faulty };
      await this.#failing(connect(this.#at.migration, { environment }));
      await this.#command('status', { environment });
    }
    const other32 = Buffer.alloc(32, this.#canaries.secret).toString('base64');
    for (const LOCKSTEP_ENCRYPTION_KEY of [other32, this.#canaries.secret, `${other32},`])
      await this.#command('status', { environment: { ...this.#at.environment, LOCKSTEP_ENCRYPTION_KEY } });
  }

  /** Writes that modern refuses for good, and what an operator does with them. */
  async #park(lockstep: Lockstep): Promise<void> {
    const people = lockstep.repository(person);
    await this.#failing(people.create(this.#person(110, { balance: refusedByModern }), { ack: 'both' }));
    const parked: string[] = [];
    for (const number of [111, 112, 113]) {
      const operationId = randomUUID();
      parked.push(operationId);
      await people.create(this.#person(number, { balance: refusedByModern }), { operationId });
    }
    const [retried = '', discarded = '', compensated = ''] = parked;
    await until('they are parked', async () => {
      const rows = await this.#at.sql.legacy("SELECT id FROM lockstep_operations WHERE status = 'parked'");
      return rows.length >= parked.length;
    });
    await this.#both('writes list');
    await this.#both('writes show', retried);
    await this.#both('journal show', retried);
    await this.#command('journal list', '--status', 'parked');
    await this.#command('writes retry', retried, '--yes');
    await this.#command('writes discard', discarded, '--yes', '--json');
    await this.#command('writes compensate', compensated, '--yes');
    await this.#command('journal retry', '--parked', '--yes', '--json');
    await this.#both('writes show', 'nobody-has-it');
  }

  /** As a service in another language, and as one that sends what it must not. */
  async #saveAsOthers(): Promise<void> {
    const { migration, environment } = this.#at;
    const { row } = this.#canaries;
    const temporal = await connectTemporal(environment);
    const { photo: _photo, ...plain } = this.#person(120);
    const value = { ...plain, photo: Buffer.from(row).toString('base64') };
    const stray = { ...value, id: this.#key(121), [this.#canaries['json-key']]: row };
    for (const given of [value, stray, row, { ...value, balance: row }]) {
      const operationId = randomUUID();
      const startWorkflowOperation = new WithStartWorkflowOperation('save', {
        workflowId: writeWorkflowId(migration.name, operationId),
        taskQueue: migration.taskQueue,
        args: [{ entity: person.name, kind: 'create', value: given, operationId, ack: 'both' }],
        workflowIdConflictPolicy: 'USE_EXISTING',
      });
      const saving = temporal.workflow.executeUpdateWithStart(saveAcknowledged, { startWorkflowOperation });
      await (given === value ? saving : this.#failing(saving));
    }
    const junk = await temporal.workflow.start('write', {
      workflowId: writeWorkflowId(migration.name, randomUUID()),
      taskQueue: migration.taskQueue,
      args: [{ operation: value, [row]: row }],
    });
    await this.#failing(junk.result());
    await temporal.connection.close();
  }

  async #copy(): Promise<void> {
    await this.#command('pause', '--yes', ...this.#asked);
    await this.#both('status');
    await this.#command('resume', '--yes', '--json');
    await this.#command('rate', '1000', '--yes');
    await this.#untilIdle();
    await this.#command('backfill', '--yes', '--json');
    await this.#untilIdle();
    await this.#both('differences');
    await this.#command('differences', '--keys');
  }

  async #compare(lockstep: Lockstep): Promise<void> {
    const { sql } = this.#at;
    // Some rows were refused, so that this is too.
    await this.#command('advance', '--yes', ...this.#asked);
    await sql.modern(`UPDATE people SET name = '${this.#canaries.row} altered' WHERE id = '${this.#key(2)}'`);
    await sql.modern(`DELETE FROM people WHERE id = '${this.#key(3)}'`);
    await sql.modern(
      `INSERT INTO people SELECT '${this.#key(200)}', name, 'other.' || email, document, photo, balance FROM people WHERE id = '${this.#key(4)}'`,
    );
    await this.#command('reconcile', '--json');
    await this.#both('validate', '--sample', '10');
    await this.#command('advance', '--json', '--yes', ...this.#asked);
    await this.#both('differences');
    await sql.modern('ALTER TABLE people DROP CONSTRAINT people_balance');
    await this.#command('reconcile', '--repair', '--from', 'legacy', '--yes');
    await this.#command('reconcile', '--every', '1h', '--yes');
    await this.#command('reconcile', '--no-schedule', '--yes', '--json');
    await this.#command('journal retry', '--parked', '--yes');
    await lockstep.repository(person).get(this.#key(5), { shadow: true });
    await this.#command('advance', '--yes', ...this.#asked);
    await this.#untilIdle();
    await this.#command('validate', '--full');
  }

  async #switch(lockstep: Lockstep): Promise<void> {
    const people = lockstep.repository(person);
    await this.#command('advance', '--yes', ...this.#asked);
    await this.#both('reads', '50', '--dry-run');
    await this.#command('reads', '50', '--yes');
    await people.get(this.#key(6));
    await this.#command('reads', '100', '--yes');
    await people.get(this.#key(7), { shadow: true });
    await this.#whileHeld('legacy', () =>
      people.update(this.#key(8), { name: `${this.#canaries.row} held` }),
    );
    await this.#command('validate', '--full', '--json');
    await this.#command('advance', '--yes', ...this.#asked);
    await this.#whileHeld('modern', () =>
      people.update(this.#key(8), { name: `${this.#canaries.row} held again` }, { ack: 'both' }),
    );
    await this.#command('rollback', '--json', '--yes', ...this.#asked);
    await people.update(this.#key(8), { name: `${this.#canaries.row} back` }, { ack: 'both' });
  }

  /** Looks while a write waits for a row, so that its statement is among those of the servers. */
  async #whileHeld(store: 'legacy' | 'modern', write: () => Promise<unknown>): Promise<void> {
    const holder = await this.#at.another(store);
    await holder.rows(store === 'legacy' ? 'START TRANSACTION' : 'BEGIN');
    await holder.rows('SELECT balance FROM people FOR UPDATE');
    const writing = write();
    // Its failure is told below.
    writing.catch(() => undefined);
    try {
      await holder.waiting();
      await this.#witness.look();
    } finally {
      await holder.rows('ROLLBACK');
      await holder.end();
    }
    await writing;
  }

  async #untilIdle(): Promise<void> {
    let seen: MigrationStatus | undefined;
    try {
      await until('no backfill and no validation runs', async () => {
        seen = await this.#status();
        return !seen.backfill?.running && !seen.validating;
      });
    } catch (error) {
      throw new Error(`the last status was ${JSON.stringify(seen)}`, { cause: error });
    }
  }

  async #status(): Promise<MigrationStatus> {
    return JSON.parse((await this.#at.commands.run(['status', '--json'], this.#at.environment)).stdout);
  }

  async #failing(work: Promise<unknown>): Promise<void> {
    await work.then(
      (found) => {
        throw new Error(`it was taken: ${inspect(found)}`);
      },
      (error: unknown) => {
        this.errors += 1;
        this.#witness.error(error);
      },
    );
  }

  /** With `--json` and without it. */
  async #both(command: string, ...flags: readonly string[]): Promise<void> {
    await this.#command(command, ...flags);
    await this.#command(command, ...flags, '--json');
  }

  async #command(
    command: string,
    ...given: readonly (string | { readonly environment: NodeJS.ProcessEnv })[]
  ): Promise<void> {
    this.ran.add(command);
    const flags = given.filter((one) => typeof one === 'string');
    const other = given.find((one) => typeof one === 'object');
    const environment = other?.environment ?? this.#at.environment;
    const { stdout, stderr } = await this.#at.commands.run([...command.split(' '), ...flags], environment);
    this.#witness.output(command, stdout + stderr);
  }

  #person(number: number, given: Partial<Person> = {}): Person {
    return personOf(this.#canaries, number, given);
  }

  #key(number: number): string {
    return `${this.#canaries.key}-${number}`;
  }

  #withPassword(password: string, port?: number): NodeJS.ProcessEnv {
    const url = new URL(this.#at.environment.LOCKSTEP_LEGACY_URL ?? '');
    url.password = password;
    if (port !== undefined) url.port = String(port);
    return { ...this.#at.environment, LOCKSTEP_LEGACY_URL: url.href };
  }
}

function insertion({ id, name, email, document, photo, balance }: Person): string {
  const cells = [id, name, email, JSON.stringify(document)].map((text) => `'${text}'`);
  return `INSERT INTO people VALUES (${cells.join(', ')}, x'${Buffer.from(photo).toString('hex')}', ${balance})`;
}
