import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { direct } from '../databases/direct.ts';

const file = join(import.meta.dirname, '../../docs/tested.json');

/** What came of the last run of a suite that was recorded. */
export interface Tested {
  readonly suite: string;
  /** One server, or a pair of them, by name and version. */
  readonly on: string;
  /** Tests, or bars of a proof. */
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export function readTested(): readonly Tested[] {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** In the place of what is there of the same suites and servers. */
export function recordTested(found: readonly Tested[]): void {
  const idOf = ({ suite, on }: Tested) => `${suite} on ${on}`;
  const all = new Map([...readTested(), ...found].map((one) => [idOf(one), one]));
  const sorted = [...all.values()].toSorted((left, right) => (idOf(left) < idOf(right) ? -1 : 1));
  writeFileSync(file, `${JSON.stringify(sorted, null, 2)}\n`);
}

/** Name and version of the server at a URL, as far as versions differ in what they do. */
export async function serverAt(url: string): Promise<string> {
  const connection = await direct(url);
  try {
    const [row] = await connection.rows('SELECT VERSION() AS version');
    const version = row?.version ?? '';
    const [, major = '', minor = ''] = /(\d+)\.(\d+)/.exec(version) ?? [];
    if (version.startsWith('PostgreSQL')) return `PostgreSQL ${major}`;
    return `${version.includes('MariaDB') ? 'MariaDB' : 'MySQL'} ${major}.${minor}`;
  } finally {
    await connection.end();
  }
}
