import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, relative, resolve } from 'node:path';
import type { Servers } from '../../deploy/dev/servers.ts';
import type { Guard } from './guard.ts';
import { withoutGuard } from './patch.ts';
import type { TestRun, TestSelection } from './test-run.ts';

const root = resolve(import.meta.dirname, '../..');
/** Not copied: what is built or fetched, and what belongs to the project's own servers. The packages are linked. */
const left = new Set(['.git', '.lockstep', 'node_modules', 'dist']);

/** Without its guard, code may never come to its end. */
const runLimitMs = 600_000;

/** A copy of the project, in which guards are taken out one at a time. */
export class Tree implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'lockstep-mutants-'));
  readonly #servers: Servers;
  /** Files that are not what the runner has read. */
  readonly #changed = new Set<string>();
  #runner: Promise<ChildProcess> | null = null;

  /** @param servers for tests that need some; the copy starts none of its own */
  constructor(servers: Servers) {
    this.#servers = servers;
    cpSync(root, this.#folder, {
      recursive: true,
      filter: (from) =>
        !left.has(relative(root, from).split('/')[0] ?? '') && !from.endsWith('/node_modules'),
    });
    symlinkSync(join(root, 'node_modules'), join(this.#folder, 'node_modules'));
  }

  /** Runs the tests without the guard, and puts it back. Null where they did not come to their end. */
  async without(guard: Guard, selection: TestSelection): Promise<TestRun | null> {
    const file = join(this.#folder, guard.file);
    const source = readFileSync(file, 'utf8');
    this.#changed.add(file);
    writeFileSync(file, withoutGuard(source, guard));
    try {
      return await this.run(selection);
    } finally {
      this.#changed.add(file);
      writeFileSync(file, source);
    }
  }

  /** Null where the tests did not come to their end. */
  async run(selection: TestSelection): Promise<TestRun | null> {
    this.#runner ??= this.#start();
    const runner = await this.#runner;
    const { promise, resolve, reject } = Promise.withResolvers<TestRun | null>();
    const late = setTimeout(() => resolve(null), runLimitMs);
    const gone = () => reject(new Error('the process that runs the tests of mutants ended'));
    runner.once('message', resolve).once('close', gone);
    try {
      runner.send({ ...selection, changed: [...this.#changed] });
      this.#changed.clear();
      const found = await promise;
      if (found === null) await this.#end();
      return found;
    } finally {
      clearTimeout(late);
      runner.off('message', resolve).off('close', gone);
    }
  }

  async #start(): Promise<ChildProcess> {
    const binaries = join(this.#folder, 'node_modules', '.bin');
    const { temporal, mysql, postgresql } = this.#servers;
    const child = spawn(process.execPath, [join(this.#folder, 'proofs/mutants/runner.ts')], {
      cwd: this.#folder,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      // A group of its own: with it end the processes in which tests run.
      detached: true,
      env: {
        ...process.env,
        VITEST: undefined,
        PATH: [binaries, process.env.PATH].join(delimiter),
        TEMPORAL_ADDRESS: temporal.address,
        TEMPORAL_NAMESPACE: temporal.namespace,
        LOCKSTEP_DEV_MYSQL_URL: mysql.url,
        LOCKSTEP_DEV_POSTGRESQL_URL: postgresql.url,
      },
    });
    const { promise, resolve, reject } = Promise.withResolvers<ChildProcess>();
    child
      .once('message', () => resolve(child))
      .once('close', () => reject(new Error('vitest does not start')));
    return await promise;
  }

  async #end(): Promise<void> {
    const runner = await this.#runner?.catch(() => null);
    this.#runner = null;
    if (runner?.pid === undefined || runner.exitCode !== null) return;
    const closed = new Promise((done) => runner.once('close', done));
    process.kill(-runner.pid, 'SIGKILL');
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
