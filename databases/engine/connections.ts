import type { Parameter, Session, TextCells } from './session.ts';

/** What a driver does, with a pool of connections of its own. */
export interface Driver<Client> {
  connect(): Promise<Client>;
  /** A broken connection is closed, and another is made at the next use. */
  release(client: Client, broken: boolean): void;
  /** What stays the same however often a connection is lent. */
  identity(client: Client): WeakKey;
  query(client: Client, sql: string, parameters: readonly Parameter[]): Promise<TextCells[]>;
  /** Whether a connection whose work failed so must not serve again: an answer to it may still come. */
  isBroken(error: unknown): boolean;
  /** What begins a transaction that waits so long for locks, as far as a transaction can have a wait of its own. */
  begin(wait: LockWait): string;
  /** The statement after which a connection waits so long for a lock; null where `begin` has said it. */
  readonly lockWait: ((wait: LockWait) => string) | null;
}

/** How long statements wait for a lock, in milliseconds; null for as long as they may take. Connections begin with that. */
export type LockWait = number | null;

/** A pool's connections: lent for a piece of work, or for a transaction. */
export class Connections<Client> {
  /** On any connection, for one statement. */
  readonly query: Session['query'];
  readonly #driver: Driver<Client>;
  readonly #clients = new WeakMap<Session, Client>();
  /** Of connections that do not wait as they began. */
  readonly #waits = new WeakMap<WeakKey, LockWait>();

  constructor(driver: Driver<Client>) {
    this.#driver = driver;
    this.query = (sql, parameters = []) => this.borrow((client) => driver.query(client, sql, parameters));
  }

  /** The wait is changed where it is another: most connections do the same all the time, and to say it each time is two round trips. */
  async connect(lockWait: LockWait = null): Promise<Client> {
    const client = await this.#driver.connect();
    const change = this.#waitOf(client) === lockWait ? undefined : this.#driver.lockWait?.(lockWait);
    if (change === undefined) return client;
    try {
      await this.#driver.query(client, change, []);
    } catch (error) {
      this.#driver.release(client, true);
      throw error;
    }
    this.#waits.set(this.#driver.identity(client), lockWait);
    return client;
  }

  /**
   * Lends a connection; one whose statement was only refused is kept.
   *
   * @param work may call `abandon` where an answer is left unread, so that the connection must not serve again
   */
  async borrow<T>(
    work: (client: Client, abandon: () => void) => Promise<T>,
    lockWait: LockWait = null,
  ): Promise<T> {
    return await this.#lend(await this.connect(lockWait), work);
  }

  /** As `borrow`, for statements that wait for no lock. */
  async borrowToRead<T>(work: (client: Client, abandon: () => void) => Promise<T>): Promise<T> {
    return await this.#lend(await this.#driver.connect(), work);
  }

  async #lend<T>(client: Client, work: (client: Client, abandon: () => void) => Promise<T>): Promise<T> {
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

  #waitOf(client: Client): LockWait {
    return this.#waits.get(this.#driver.identity(client)) ?? null;
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

  transaction<T>(work: (session: Session) => Promise<T>, lockWait: LockWait = null): Promise<T> {
    return this.borrow((client) => this.transactionOn(client, work, lockWait), lockWait);
  }

  /** Rolls back and rethrows when `work` fails. */
  async transactionOn<T>(
    client: Client,
    work: (session: Session) => Promise<T>,
    lockWait: LockWait = null,
  ): Promise<T> {
    const session = this.session(client);
    await session.query(this.#driver.begin(lockWait));
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
