import type { FurtherName, Servers } from '../deploy/dev/servers.ts';
import type { WriteWay } from './account/way.ts';

/** Servers of other versions that stand in the place of the two databases that every run starts. */
export interface ChosenServers {
  readonly mysql?: FurtherName;
  readonly postgresql?: FurtherName;
}

/** What everything that reports is run with. */
export interface Run {
  readonly servers: Servers;
  /** What `servers` has been made of, for what starts servers of its own. */
  readonly chosen?: ChosenServers;
  readonly seed: number;
  /** Takes a line of progress, meant for stderr. */
  readonly note: (line: string) => void;
}

/** What a proof is run with. */
export interface Conditions extends Run {
  /** Fewer and shorter rounds, for every day. */
  short: boolean;
  /** Cut connections instead of stopping a server that others may be using. */
  proxy: boolean;
  /** Writes a second and changes of primary, of `cutover`. */
  perSecond?: number | undefined;
  changes?: number | undefined;
  /** How writes travel, in the proofs about writes. Default: in groups. */
  way?: WriteWay | undefined;
  /** Of many cases, those whose name has this text; default: all. */
  only?: string;
}

/** This machine cannot run the proof: its message says why, and what would be needed. */
export class NotHere extends Error {}

export type Proof = (conditions: Conditions) => Promise<Report>;

export interface Report {
  name: string;
  seed: number;
  pass: boolean;
  bars: readonly Bar[];
  figures: Figures;
}

export interface Bar {
  name: string;
  want: string;
  got: number | string;
  ok: boolean;
}

export interface Figures {
  readonly [name: string]: number | string | boolean | null | readonly string[] | Figures;
}

export function report(name: string, seed: number, bars: readonly Bar[], figures: Figures): Report {
  return { name, seed, pass: bars.every(({ ok }) => ok), bars, figures };
}

export function exactly(name: string, want: number | string, got: number | string): Bar {
  return { name, want: String(want), got, ok: got === want };
}

export function atMost(name: string, limit: number, got: number): Bar {
  return { name, want: `≤ ${limit}`, got, ok: got <= limit };
}

export function atLeast(name: string, limit: number, got: number): Bar {
  return { name, want: `≥ ${limit}`, got, ok: got >= limit };
}
