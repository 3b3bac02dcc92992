import { setTimeout } from 'node:timers/promises';
import { fenceClass } from '../../databases/postgresql/write-routine.ts';
import { Random } from '../../examples/orders/random.ts';
import { type Direct, direct } from '../../test/databases/direct.ts';

const pauseMs = { least: 2, most: 60 };
const holdMs = { least: 20, most: 150 };
/** Of what is done: statements are ended otherwise. */
const share = { holds: 0.1, connections: 0.25 };

/** How an administrator of a server makes others wait, and ends what they do. */
interface Engine {
  /** Locks that writes wait for. */
  readonly locks: (migration: string) => readonly string[];
  readonly ownId: string;
  /** Sessions of others in this database, those that do something first. */
  readonly sessions: string;
  readonly endStatement: (id: string) => string;
  readonly endConnection: (id: string) => string;
}

const mariadb: Engine = {
  locks: () => [
    'SELECT record_key FROM lockstep_records FOR UPDATE',
    'SELECT id FROM lockstep_operations FOR UPDATE',
    'SELECT migration FROM lockstep_state FOR UPDATE',
  ],
  ownId: 'SELECT CONNECTION_ID() AS id',
  sessions:
    "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = DATABASE() ORDER BY COMMAND = 'Sleep'",
  endStatement: (id) => `KILL QUERY ${id}`,
  endConnection: (id) => `KILL CONNECTION ${id}`,
};

/** Its list of processes fails on characters of their statements that are not in the Basic Multilingual Plane. */
const mysql: Engine = {
  ...mariadb,
  sessions: `SELECT PROCESSLIST_ID AS id FROM performance_schema.threads WHERE PROCESSLIST_DB = DATABASE()
    ORDER BY PROCESSLIST_COMMAND = 'Sleep'`,
};

const postgresql: Engine = {
  locks: (migration) => [
    'SELECT record_key FROM lockstep.records FOR UPDATE',
    'LOCK TABLE lockstep.operations IN SHARE MODE',
    `SELECT pg_advisory_xact_lock(${fenceClass}, hashtext('${migration}'))`,
  ],
  ownId: 'SELECT pg_backend_pid() AS id',
  sessions:
    "SELECT pid AS id FROM pg_stat_activity WHERE datname = current_database() ORDER BY state IS DISTINCT FROM 'active'",
  endStatement: (id) => `SELECT pg_cancel_backend(${id})`,
  endConnection: (id) => `SELECT pg_terminate_backend(${id})`,
};

/** Ends statements and connections of everybody else in one database at random, and makes them wait before, so that they are in the middle. */
export class Saboteur {
  readonly ended = { statements: 0, connections: 0 };
  readonly #at: Direct;
  readonly #holder: Direct;
  readonly #own: ReadonlySet<string | null | undefined>;
  readonly #engine: Engine;
  readonly #migration: string;
  readonly #random: Random;
  #holding: Promise<void> | null = null;
  #goesOn = true;
  #working: Promise<void> = Promise.resolve();

  private constructor(
    [at, holder]: readonly [Direct, Direct],
    own: ReadonlySet<string | null | undefined>,
    given: { readonly engine: Engine; readonly migration: string; readonly seed: number },
  ) {
    this.#at = at;
    this.#holder = holder;
    this.#own = own;
    this.#engine = given.engine;
    this.#migration = given.migration;
    this.#random = new Random(given.seed);
  }

  static async begin(url: string, migration: string, seed: number): Promise<Saboteur> {
    const own = [await direct(url), await direct(url)] as const;
    const engine = await engineOf(own[0], url);
    const ids = await Promise.all(own.map(async (one) => (await one.rows(engine.ownId))[0]?.id));
    const saboteur = new Saboteur(own, new Set(ids), { engine, migration, seed });
    saboteur.#working = saboteur.#work();
    return saboteur;
  }

  async stop(): Promise<void> {
    this.#goesOn = false;
    await this.#working;
    await this.#holding;
    await Promise.all([this.#at.end(), this.#holder.end()]);
  }

  async #work(): Promise<void> {
    while (this.#goesOn) {
      await setTimeout(this.#random.between(pauseMs.least, pauseMs.most));
      if (this.#random.chance(share.holds)) this.#hold();
      const others = await this.#at.rows(this.#engine.sessions);
      const sessions = others.filter(({ id }) => !this.#own.has(id));
      // Mostly one that does something.
      const some = this.#random.chance(0.8) ? sessions.slice(0, 3) : sessions;
      if (some.length > 0) await this.#end(this.#random.pick(some).id ?? '');
    }
  }

  #hold(): void {
    const lock = this.#random.pick(this.#engine.locks(this.#migration));
    const ms = this.#random.between(holdMs.least, holdMs.most);
    this.#holding ??= (async () => {
      await this.#holder.rows('BEGIN');
      // It may meet a deadlock as anybody does.
      await this.#holder.rows(lock).catch(() => undefined);
      await setTimeout(ms);
      await this.#holder.rows('ROLLBACK');
      this.#holding = null;
    })();
  }

  async #end(id: string): Promise<void> {
    const isConnection = this.#random.chance(share.connections);
    try {
      await this.#at.rows(isConnection ? this.#engine.endConnection(id) : this.#engine.endStatement(id));
      this.ended[isConnection ? 'connections' : 'statements'] += 1;
    } catch (error) {
      // It has gone by itself.
      if (!(error instanceof Error && 'errno' in error && error.errno === 1094)) throw error;
    }
  }
}

async function engineOf(at: Direct, url: string): Promise<Engine> {
  if (url.startsWith('postgres')) return postgresql;
  const [server] = await at.rows('SELECT VERSION() AS version');
  return server?.version?.includes('MariaDB') ? mariadb : mysql;
}
