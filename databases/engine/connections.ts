import type { Parameter, Session, TextCells } from './session.ts';

/** What a driver does, with a pool of connections of its own. */
export interface Driver<Client> {
  connect(): Promise<Client>;
  /** A broken connection is closed, and another is made at the next use. */
  release(client: Client, broken: boolean): void;
  query(client: Client, sql: string, parameters: readonly Parameter[]): Promise<TextCells[]>;
  /** Whether a connection whose work failed so must not serve again: an answer to it may still come. */
  isBroken(error: unknown): boolean;
  /** The statement that begins a transaction. */
  readonly begin: string;
  /** The statement after which a connection waits so long for a lock, in milliseconds; null for as long as a statement may take. */
  lockWait(ms: number | null): string;
}

/** A pool's connections: lent for a piece of work, or for a transaction. */
export class Connections<Client> {
  /** On any connection, for one statement. */
  readonly query: Session['query'];
  readonly #driver: Driver<Client>;
  readonly #clients = new WeakMap<Session, Client>();

  constructor(driver: Driver<Client>) {
    this.#driver = driver;
    this.query = (sql, parameters = []) => this.borrow((client) => driver.query(client, sql, parameters));
  }

  connect(): Promise<Client> {
    return this.#driver.connect();
  }

  /**
   * Lends a connection; one whose statement was only refused is kept.
   *
   * @param work may call `abandon` where an answer is left unread, so that the connection must not serve again
   */
  async borrow<T>(work: (client: Client, abandon: () => void) => Promise<T>): Promise<T> {
    const client = await this.#driver.connect();
    let broken = false;
    try {
      return await work(client, () => {
        broken = true;
      });
    } catch (error) {
      broken ||= this.#driver.isBroken(error);
      throw error;
    } finally {
      this.#driver.release(client, broken);
    }
  }

  session(client: Client): Session {
    const session: Session = {
      query: (sql, parameters = []) => this.#driver.query(client, sql, parameters),
    };
    this.#clients.set(session, client);
    return session;
  }

  /** The connection of a session that was made here. */
  clientOf(session: Session): Client {
    const client = this.#clients.get(session);
    if (client) return client;
    throw new TypeError('the session is none of these connections');
  }

  transaction<T>(work: (session: Session) => Promise<T>, lockWaitMs?: number): Promise<T> {
    return this.borrow((client) =>
      this.withLockWait(client, lockWaitMs, () => this.transactionOn(client, work)),
    );
  }

  /** Where the wait cannot be set back, the connection is broken, and the work is done again. */
  async withLockWait<T>(client: Client, lockWaitMs: number | undefined, work: () => Promise<T>): Promise<T> {
    if (lockWaitMs === undefined) return await work();
    await this.#driver.query(client, this.#driver.lockWait(lockWaitMs), []);
    let broken = false;
    try {
      return await work();
    } catch (error) {
      broken = this.#driver.isBroken(error);
      throw error;
    } finally {
      // A connection that broke is not used again.
      if (!broken) await this.#driver.query(client, this.#driver.lockWait(null), []);
    }
  }

  /** Rolls back and rethrows when `work` fails. */
  async transactionOn<T>(client: Client, work: (session: Session) => Promise<T>): Promise<T> {
    const session = this.session(client);
    await session.query(this.#driver.begin);
    try {
      const result = await work(session);
      await session.query('COMMIT');
      return result;
    } catch (error) {
      if (!this.#driver.isBroken(error)) await session.query('ROLLBACK');
      throw error;
    }
  }
}
