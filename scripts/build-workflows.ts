import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';

const root = resolve(import.meta.dirname, '..');
const target = resolve(root, 'dist/workflows.js');

const { code } = await bundleWorkflowCode({ workflowsPath: resolve(root, 'workflows/index.ts') });
await mkdir(dirname(target), { recursive: true });
await writeFile(target, code);
process.stderr.write(`${target}: ${Math.round(code.length / 1024)} KiB\n`);
