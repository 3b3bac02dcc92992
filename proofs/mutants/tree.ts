import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, relative, resolve } from 'node:path';
import type { Servers } from '../../deploy/dev/servers.ts';
import type { Guard } from './guard.ts';
import { withoutGuard } from './patch.ts';

const root = resolve(import.meta.dirname, '../..');
/** Not copied: what is built or fetched, and what belongs to the project's own servers. The packages are linked. */
const left = new Set(['.git', '.lockstep', 'node_modules', 'dist']);

/** Generous, on a loaded machine too. */
const testTimeoutMs = 90_000;

export interface TestRun {
  /** Tests that failed; null where a file could not even be loaded. */
  readonly failed: number | null;
  readonly passed: number;
}

/** A copy of the project, in which guards are taken out one at a time. */
export class Tree implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lockstep-mutants-'));
  readonly #servers: Servers;

  /** @param servers for tests that need some; the copy starts none of its own */
  constructor(servers: Servers) {
    this.#servers = servers;
    cpSync(root, this.#folder, {
      recursive: true,
      filter: (from) => !left.has(relative(root, from).split('/')[0] ?? ''),
    });
    symlinkSync(join(root, 'node_modules'), join(this.#folder, 'node_modules'));
  }

  /** Runs the guard's tests without the guard, and puts it back. */
  async without(guard: Guard): Promise<TestRun> {
    const file = join(this.#folder, guard.file);
    const source = readFileSync(file, 'utf8');
    writeFileSync(file, withoutGuard(source, guard));
    try {
      return await this.run(guard.tests);
    } finally {
      writeFileSync(file, source);
    }
  }

  async run(tests: readonly string[]): Promise<TestRun> {
    const report = join(this.#folder, 'tests.json');
    rmSync(report, { force: true });
    const binaries = join(this.#folder, 'node_modules', '.bin');
    // Without a lock, a test may wait for what never waits; one failure is enough.
    const limits = ['--bail=1', `--testTimeout=${testTimeoutMs}`];
    const args = ['run', '--reporter=json', `--outputFile=${report}`, ...limits, ...tests];
    const { temporal, mysql, postgresql } = this.#servers;
    const child = spawn(join(binaries, 'vitest'), args, {
      cwd: this.#folder,
      stdio: 'ignore',
      env: {
        ...process.env,
        PATH: [binaries, process.env.PATH].join(delimiter),
        TEMPORAL_ADDRESS: temporal.address,
        TEMPORAL_NAMESPACE: temporal.namespace,
        LOCKSTEP_DEV_MYSQL_URL: mysql.url,
        LOCKSTEP_DEV_POSTGRESQL_URL: postgresql.url,
      },
    });
    await new Promise((done, refuse) => child.on('error', refuse).on('close', done));
    return countsOf(report);
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function countsOf(report: string): TestRun {
  const files: readonly { status: string; assertionResults: readonly { status: string }[] }[] = JSON.parse(
    readFileSync(report, 'utf8'),
  ).testResults;
  const count = (status: string) =>
    files.flatMap((file) => file.assertionResults).filter((test) => test.status === status).length;
  const failed = count('failed');
  const isBroken = files.some((file) => file.status === 'failed' && file.assertionResults.length === 0);
  return { failed: isBroken && failed === 0 ? null : failed, passed: count('passed') };
}
