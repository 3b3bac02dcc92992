import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Fixture } from './fixture.ts';
import { until } from './until.ts';

const main = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
export const fixtureConfig = fileURLToPath(new URL('../cli/lockstep.config.ts', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a process needs to work on a scene. */
export function environmentOf(fixture: Fixture): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ...fixture.environment,
    LOCKSTEP_CONFIG: fixtureConfig,
    LOCKSTEP_TEST_MIGRATION: fixture.migration.name,
    LOCKSTEP_TEST_POLICY: JSON.stringify(fixture.migration.policy),
  };
}

/** Runs a command to its end, without a terminal. */
export async function lockstep(args: readonly string[], environment: NodeJS.ProcessEnv): Promise<Ended> {
  const { child, output } = begin(args, environment);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...output() };
}

export interface WorkerProcess {
  readonly pid: number;
  /** SIGKILL: nothing is released, nobody is told. */
  kill(): Promise<void>;
  /** SIGTERM: resolves to the exit code. */
  stop(): Promise<number | null>;
  /** Resolves to the exit code when it ends by itself. */
  ended(): Promise<number | null>;
  log(): string;
}

/** `lockstep worker`, once it says that it runs. */
export async function workerProcess(
  environment: NodeJS.ProcessEnv,
  flags: readonly string[] = [],
): Promise<WorkerProcess> {
  const { child, output } = begin(['worker', ...flags], environment);
  const closed = once(child, 'close') as Promise<[number | null]>;
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    const [code] = await closed;
    return code;
  };
  await until('the worker runs', async () => {
    if (child.exitCode !== null) throw new Error(`the worker ended: ${output().stderr}`);
    return output().stderr.includes('worker running');
  });
  if (child.pid === undefined) throw new TypeError('a process that runs has an id');
  return {
    pid: child.pid,
    kill: async () => {
      await end('SIGKILL');
    },
    stop: () => end('SIGTERM'),
    ended: async () => (await closed)[0],
    log: () => output().stderr,
  };
}

function begin(args: readonly string[], environment: NodeJS.ProcessEnv) {
  const child: ChildProcess = spawn(process.execPath, [main, ...args], {
    // A runner of CI may ask for colours where there is no terminal.
    env: { ...environment, NO_COLOR: '1', FORCE_COLOR: undefined },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return { child, output: () => ({ stdout, stderr }) };
}
