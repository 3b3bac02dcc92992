import type { Identity } from '../../scripts/identity.mjs';
import type { Account } from './account.ts';

/** Servers of other versions beside the three, each started when something asks for it. */
export const furtherNames = ['mysql-9.7', 'mariadb-11.8', 'postgresql-18'] as const;
export type FurtherName = (typeof furtherNames)[number];
export type ServerName = keyof Servers | FurtherName;
export type StopMode = 'fast' | 'kill';
export type Report = (line: string) => void;

/** What commands and tests need to know of the three servers. Database URLs are those of an administrator. */
export interface Servers {
  temporal: { address: string; namespace: string; uiUrl: string | null };
  mysql: { url: string };
  postgresql: { url: string };
}

/** How each server is reached. */
export type Endpoints = Servers & Record<FurtherName, { url: string }>;

/** One server of this clone, as `.lockstep/dev.json` remembers it. */
export interface Instance {
  /** The way by which its programs came here, for people. */
  way: string;
  /** Its program, or the folder of its programs; null where Docker Compose runs it. */
  programs: string | null;
  /** Holds its data, and belongs to the account it runs under. */
  folder: string;
  /** The account it runs under; null where that is our own. */
  account: Account | null;
  port: number;
  uiPort: number | null;
  password: string;
  process: Identity | null;
}

export type Found = { programs: string | null } | { unavailable: string };

/** One way to get at a server's programs. */
export interface Way {
  name: string;
  /** What a person could do to open this way; shown when every way has failed. */
  remedy: string;
  find(search: { report: Report; folder: string }): Promise<Found>;
}

export interface Command {
  file: string;
  args: string[];
  env?: Record<string, string>;
}

/** What each server says of itself; starting, stopping and remembering are the same for all. */
export interface DevServer<Name extends ServerName = ServerName> {
  name: Name;
  title: string;
  /** The environment variable that names a server of the user's own. */
  variable: string;
  firstPort: number;
  firstUiPort: number | null;
  /** Accounts to run it under when we are root, the first that exists; none means root will do. */
  accounts: readonly string[];
  signals: Record<StopMode, NodeJS.Signals>;
  ways: readonly Way[];
  /** Makes the data folder; does nothing when it is there. */
  initialize(instance: Instance): Promise<void>;
  command(instance: Instance): Command;
  endpoint(instance: Instance): Endpoints[Name];
  /** The user's own server, where the environment names one. */
  ownEndpoint(env: NodeJS.ProcessEnv): Endpoints[Name] | undefined;
  /** Resolves when the server answers as it should, rejects otherwise. */
  ping(endpoint: Endpoints[Name]): Promise<void>;
}
