import { parseArgs } from 'node:util';

export interface DemoOptions {
  json: boolean;
  fast: boolean;
  keep: boolean;
  /** MySQL 9.7 as legacy, whatever else there is. */
  mysql: boolean;
  /** PostgreSQL 18 as modern, likewise. */
  postgresql: boolean;
  seed: number;
}

export const usage = `npm run demo -- [options]

  --json        print one JSON object to stdout, everything else to stderr
  --fast        leave out the pauses that are there for whoever watches
  --keep        leave servers and databases up for a look around
  --mysql       take MySQL 9.7 for the legacy database
  --postgresql  take PostgreSQL 18 for the modern database
  --seed N      draw the same traffic again`;

/** Throws with a message for people where an argument is not understood; null asks for the usage. */
export function demoOptions(args: readonly string[]): DemoOptions | null {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'boolean', default: false },
      fast: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
      mysql: { type: 'boolean', default: false },
      postgresql: { type: 'boolean', default: false },
      seed: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
  if (!Number.isInteger(seed) || seed < 0)
    throw new TypeError(`--seed takes a whole number, not "${values.seed}"`);
  const { json, fast, keep, mysql, postgresql } = values;
  return { json, fast, keep, mysql, postgresql, seed };
}
