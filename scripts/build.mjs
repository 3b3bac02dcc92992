import { chmodSync, copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execute } from './execute.mjs';
import { root } from './install.mjs';

const dist = join(root, 'dist');

/** What the code reads at run time, and the compiler does not know. */
const data = /\.(sql|yml|sh)$/;

/** Makes `dist/`, as the package has it: JavaScript, its types and source maps, and the workflows' bundle. */
export async function build() {
  rmSync(dist, { recursive: true, force: true });
  const compiled = await execute('node_modules/typescript-7/bin/tsc', ['--project', 'tsconfig.build.json'], {
    cwd: root,
  });
  if (compiled !== 0) return compiled;
  for (const folder of ['databases', 'deploy/dev']) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!data.test(name)) continue;
      mkdirSync(dirname(join(dist, folder, name)), { recursive: true });
      copyFileSync(join(root, folder, name), join(dist, folder, name));
    }
  }
  chmodSync(join(dist, 'cli', 'main.js'), 0o755);
  return await execute('workers/build.ts', [], { cwd: root });
}
