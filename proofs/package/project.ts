import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--prefer-offline'];

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A user's project: a folder of its own, outside of this repository, with the Node that it is tried on. */
export class Project {
  readonly folder: string;
  readonly #environment: NodeJS.ProcessEnv;

  private constructor(folder: string, environment: NodeJS.ProcessEnv) {
    this.folder = folder;
    this.#environment = environment;
  }

  /** `node` is the folder that holds the program; the manifest is all there is in the project. */
  static async create(
    manifest: Readonly<Record<string, string>>,
    node: string,
    environment: Readonly<Record<string, string>>,
  ): Promise<Project> {
    const folder = await mkdtemp(join(tmpdir(), 'lockstep-project-'));
    const project = new Project(folder, {
      ...process.env,
      ...environment,
      PATH: [node, process.env.PATH].join(delimiter),
      // What this repository gives its own processes, a user's do not have.
      NODE_OPTIONS: undefined,
      NO_COLOR: '1',
      FORCE_COLOR: undefined,
    });
    await project.write({ 'package.json': JSON.stringify({ name: 'app', ...manifest }) });
    return project;
  }

  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      const file = join(this.folder, name);
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    }
  }

  /** Gives the seconds that it took. */
  async install(...packages: readonly string[]): Promise<number> {
    const startedAt = performance.now();
    const { code, stderr } = await this.#npm('npm-cli.js', ['install', ...quiet, ...packages]);
    if (code !== 0) throw new Error(`npm install ${packages.join(' ')} failed: ${stderr}`);
    return seconds(performance.now() - startedAt);
  }

  /** A program of the project's packages, as `npx` finds it. */
  npx(program: string, ...args: readonly string[]): Promise<Ended> {
    return this.#npm('npx-cli.js', ['--no-install', program, ...args]);
  }

  node(...args: readonly string[]): Promise<Ended> {
    return ended(this.#start('node', args));
  }

  /** Runs on until it is told to stop; `stop` gives the exit code. */
  background(program: string, ...args: readonly string[]) {
    const child = this.#start(...npmCommand('npx-cli.js', ['--no-install', program, ...args]));
    const end = ended(child);
    return {
      stop: async () => {
        // The whole group, as a terminal does: npx stands between us and the program.
        if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGTERM');
        return await end;
      },
    };
  }

  async packages(): Promise<{ names: ReadonlySet<string>; bytes: number }> {
    const lock = await readFile(join(this.folder, 'node_modules/.package-lock.json'), 'utf8');
    const { packages } = JSON.parse(lock) as { packages: Record<string, unknown> };
    return {
      names: new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, ''))),
      bytes: await bytesIn(join(this.folder, 'node_modules')),
    };
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  #npm(script: 'npm-cli.js' | 'npx-cli.js', args: readonly string[]): Promise<Ended> {
    return ended(this.#start(...npmCommand(script, args)));
  }

  #start(file: string, args: readonly string[]) {
    return spawn(file, args, {
      cwd: this.folder,
      env: this.#environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
  }
}

/** The npm that runs us, else that of the PATH. */
function npmCommand(
  script: 'npm-cli.js' | 'npx-cli.js',
  args: readonly string[],
): [string, readonly string[]] {
  const own = process.env.npm_execpath;
  if (own?.endsWith('npm-cli.js')) return ['node', [join(dirname(own), script), ...args]];
  return [script === 'npm-cli.js' ? 'npm' : 'npx', args];
}

async function ended(child: ReturnType<typeof spawn>): Promise<Ended> {
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

async function bytesIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await lstat(join(entry.parentPath, entry.name))).size;
  }
  return bytes;
}

function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
}
