import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';

const root = dirname(import.meta.dirname);
const entry = join(root, 'workflows', 'index.ts');
const interceptors = join(root, 'workflows', 'check-inputs.ts');
const failureConverter = join(root, 'workflows', 'failure-converter.ts');
const payloadConverter = join(root, 'workflows', 'payload-converter.ts');
/** The built package has it beside this file; among the sources there is none. */
const prebuilt = join(import.meta.dirname, 'workflow-bundle.js');
const cache = join(root, '.lockstep', 'bundles');

/**
 * The workflow code as Temporal's sandbox runs it: the package's own bundle, or, from the sources, one that is built once for
 * each state of them.
 */
export async function workflowBundle({
  encodesFailures,
}: {
  encodesFailures: boolean;
}): Promise<{ codePath: string } | { code: string }> {
  const codePath = await builtBundle();
  if (!encodesFailures) return { codePath };
  // The sandbox has no environment: `workflows/failure-converter.ts` looks for this.
  return { code: `globalThis.lockstepEncodesFailures = true; ${readFileSync(codePath, 'utf8')}` };
}

async function builtBundle(): Promise<string> {
  if (existsSync(prebuilt)) return prebuilt;
  const codePath = join(cache, `${fingerprint()}.js`);
  if (!existsSync(codePath)) await buildBundle(codePath);
  return codePath;
}

/** Written aside and renamed, so that a worker never reads half a bundle. */
export async function buildBundle(codePath: string): Promise<void> {
  const { code } = await bundleWorkflowCode({
    workflowsPath: entry,
    workflowInterceptorModules: [interceptors],
    failureConverterPath: failureConverter,
    payloadConverterPath: payloadConverter,
    // Evaluated once in each worker, not once in each workflow: no module keeps anything of a workflow.
    preloadModules: [interceptors, entry, failureConverter, payloadConverter],
    logger: quiet,
  });
  mkdirSync(dirname(codePath), { recursive: true });
  const temporaryPath = `${codePath}.${process.pid}`;
  writeFileSync(temporaryPath, code);
  renameSync(temporaryPath, codePath);
}

function fingerprint(): string {
  const hash = createHash('sha256').update(readFileSync(import.meta.filename));
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
