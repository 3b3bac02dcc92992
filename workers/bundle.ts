import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode } from '@temporalio/worker';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const entry = fileURLToPath(new URL('../workflows/index.ts', import.meta.url));
const prebuilt = join(root, 'dist', 'workflows.js');
const cache = join(root, '.lockstep', 'bundles');

/**
 * The workflow code as Temporal's sandbox runs it: what `npm run build:workflows` made, else a bundle that is built once for
 * each state of the sources.
 */
export async function workflowBundle(): Promise<{ codePath: string }> {
  if (existsSync(prebuilt)) return { codePath: prebuilt };
  const codePath = join(cache, `${fingerprint()}.js`);
  if (!existsSync(codePath)) await buildBundle(codePath);
  return { codePath };
}

/** Written aside and renamed, so that a worker never reads half a bundle. */
export async function buildBundle(codePath: string = prebuilt): Promise<string> {
  const { code } = await bundleWorkflowCode({ workflowsPath: entry, logger: quiet });
  mkdirSync(dirname(codePath), { recursive: true });
  const aside = `${codePath}.${process.pid}`;
  writeFileSync(aside, code);
  renameSync(aside, codePath);
  return codePath;
}

function fingerprint(): string {
  const hash = createHash('sha256');
  for (const folder of ['workflows', 'model']) {
    for (const name of filesIn(join(root, folder))) {
      hash.update(name).update(readFileSync(join(root, folder, name)));
    }
  }
  hash.update(readFileSync(join(root, 'package-lock.json')));
  return hash.digest('hex').slice(0, 16);
}

/** A failed build throws; what the bundler says on the way is of no use to an operator. */
const ignore = () => undefined;
const quiet = { log: ignore, trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore };

/** The paths of all files below a folder, in a fixed order. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}
