import { Random } from '../../examples/orders/random.ts';
import { type Direct, direct } from '../../test/databases/direct.ts';

const pauseMs = { least: 2, most: 60 };
/** Of connections, against statements. */
const connectionShare = 0.3;

/** How an administrator of a server ends what others do there. */
interface Ending {
  /** Sessions of others in this database, those that do something first. */
  readonly sessions: string;
  readonly statement: (id: string) => string;
  readonly connection: (id: string) => string;
}

const mysql: Ending = {
  sessions: `SELECT ID AS id FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND ID <> CONNECTION_ID()
    ORDER BY COMMAND = 'Sleep'`,
  statement: (id) => `KILL QUERY ${id}`,
  connection: (id) => `KILL CONNECTION ${id}`,
};

const postgresql: Ending = {
  sessions: `SELECT pid AS id FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    ORDER BY state <> 'active'`,
  statement: (id) => `SELECT pg_cancel_backend(${id})`,
  connection: (id) => `SELECT pg_terminate_backend(${id})`,
};

/** Ends statements and connections of everybody else in one database, at random. */
export class Saboteur {
  readonly ended = { statements: 0, connections: 0 };
  readonly #at: Direct;
  readonly #ending: Ending;
  readonly #random: Random;
  #goesOn = true;
  #working: Promise<void> = Promise.resolve();

  private constructor(at: Direct, ending: Ending, seed: number) {
    this.#at = at;
    this.#ending = ending;
    this.#random = new Random(seed);
  }

  static async at(url: string, seed: number): Promise<Saboteur> {
    const one = new Saboteur(await direct(url), url.startsWith('postgres') ? postgresql : mysql, seed);
    one.#working = one.#work();
    return one;
  }

  async stop(): Promise<void> {
    this.#goesOn = false;
    await this.#working;
    await this.#at.end();
  }

  async #work(): Promise<void> {
    while (this.#goesOn) {
      const waits = this.#random.between(pauseMs.least, pauseMs.most);
      await new Promise((resolve) => setTimeout(resolve, waits));
      const sessions = await this.#at.rows(this.#ending.sessions);
      // Mostly one that does something.
      const some = this.#random.chance(0.8) ? sessions.slice(0, 3) : sessions;
      if (some.length > 0) await this.#end(this.#random.pick(some).id ?? '');
    }
  }

  async #end(id: string): Promise<void> {
    const isConnection = this.#random.chance(connectionShare);
    try {
      await this.#at.rows(isConnection ? this.#ending.connection(id) : this.#ending.statement(id));
      this.ended[isConnection ? 'connections' : 'statements'] += 1;
    } catch (error) {
      // It has gone by itself.
      if (!(error instanceof Error && 'errno' in error && error.errno === 1094)) throw error;
    }
  }
}
