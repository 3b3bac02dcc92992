import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { StoreUrls } from '../proofs/account/environment.ts';

const run = promisify(execFile);
/** https://pypi.org/project/reladiff/ */
export const reladiffVersion = '0.6.0';
const folder = join(import.meta.dirname, '../.lockstep/reladiff');
const python = join(folder, 'bin/python');

/** Puts reladiff into an environment of its own, once. Throws where there is no Python to do it with. */
export async function installReladiff(note: (line: string) => void): Promise<void> {
  if (existsSync(join(folder, 'installed'))) return;
  note(`installing reladiff ${reladiffVersion} (pip) into ${folder}`);
  await run('python3', ['-m', 'venv', folder]);
  await run(python, ['-m', 'pip', 'install', '-q', `reladiff[mysql,postgresql]==${reladiffVersion}`]);
  await run('touch', [join(folder, 'installed')]);
}

/** Seconds from the first connection to the last difference; the start of Python and its imports are not counted. */
export async function timeReladiff(
  urls: StoreUrls,
  table: string,
  key: string,
  columns: readonly string[],
  threads: number,
): Promise<{ seconds: number; differences: number }> {
  const script = join(import.meta.dirname, 'time_reladiff.py');
  const { stdout } = await run(python, [script, table, key, String(threads), ...columns], {
    // Not as arguments, which every process of the machine can read.
    env: { ...process.env, LEGACY_URL: urls.legacy, MODERN_URL: urls.modern },
  });
  return JSON.parse(stdout) as { seconds: number; differences: number };
}
