import type { Account } from '../../proofs/account/account.ts';
import type { StoreUrls } from '../../proofs/account/environment.ts';
import type { WriteWay } from '../../proofs/account/way.ts';

/** What a way is opened with, in the process of its own in which it and its callers run. */
export interface Place {
  /** Of the migration in `dual-write`. */
  readonly migration: string;
  /** What a service of that migration connects with. */
  readonly environment: NodeJS.ProcessEnv;
  /** Both have, beside the migration's tables, one for all other ways: `bare`, with the columns of that store. */
  readonly stores: StoreUrls;
  /** The same past whatever counts what is asked of them. */
  readonly direct: StoreUrls;
  /** An empty folder, removed after the run. */
  readonly folder: string;
}

/** One way to have an account written in both stores. */
export interface OpenWay extends AsyncDisposable {
  /** Resolves when the way would tell its caller that the account is written. */
  write(account: Account): Promise<unknown>;
  /** Where the caller is answered before both stores have it: resolves when they have everything that was written. */
  drained?(): Promise<void>;
}

/** What the file of a way exports as `open`. */
export type Open = (place: Place) => Promise<OpenWay>;

export interface Way {
  /** In tables, as Markdown. */
  readonly title: string;
  /** When its caller is answered: when one store has the write, or both. */
  readonly answered: 'primary' | 'both';
  /** Exports `open`. */
  readonly file: string;
  /**
   * How Lockstep's writes travel. Its worker runs in a process of its own, or in that of the way where it is embedded. Default: it is no
   * way of Lockstep's.
   */
  readonly lockstep?: WriteWay;
  /** Lockstep as it was, with its worker in a process of its own. */
  readonly older?: true;
  /** Needs the packages of `bench/peers`. */
  readonly peer?: true;
}
