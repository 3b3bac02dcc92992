import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pack } from '../../scripts/pack.mjs';

const packages = join(import.meta.dirname, '../../node_modules');

export interface Installed extends Disposable {
  readonly folder: string;
  write(files: Readonly<Record<string, string>>): void;
  /** Runs Node there, without what the project's own runs are given. */
  node(...args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }>;
  lockstep(...args: readonly string[]): ReturnType<Installed['node']>;
}

/**
 * A folder far from the project, with the packed package in it and what it needs; `without` stays out. Nothing is fetched: the
 * proof `package` installs as a user does.
 */
export async function installed(
  manifest: Readonly<Record<string, string>>,
  without: readonly string[] = [],
): Promise<Installed> {
  const tarball = await pack();
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-installed-'));
  const own = join(folder, 'node_modules/lockstep');
  mkdirSync(own, { recursive: true });
  execFileSync('tar', ['--extract', '--strip-components=1', '--file', tarball, '--directory', own]);
  const needed = [
    ...['activity', 'client', 'common', 'envconfig', 'worker', 'workflow'].map(
      (name) => `@temporalio/${name}`,
    ),
    ...[
      '@grpc/grpc-js',
      'commander',
      'jiti',
      'lossless-json',
      'mysql2',
      'pg',
      'pg-copy-streams',
      'picocolors',
      'pino',
    ],
    ...['valibot', 'zod'],
  ];
  for (const name of needed.filter((one) => !without.includes(one))) {
    const link = join(folder, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(packages, name), link);
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'app', ...manifest }));
  const node: Installed['node'] = async (...args) => {
    const child = spawn(process.execPath, args, {
      cwd: folder,
      env: { ...process.env, NODE_OPTIONS: undefined, NO_COLOR: '1', FORCE_COLOR: undefined },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout, stderr };
  };
  return {
    folder,
    write(files) {
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), text);
      }
    },
    node,
    lockstep: (...args) => node('node_modules/lockstep/dist/cli/main.js', ...args),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
