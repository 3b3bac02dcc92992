import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { root } from './install.mjs';

const binaries = join(root, 'node_modules', '.bin');
// In the project itself `lockstep` stands for the sources; see "exports" in package.json.
const fromSources = '--conditions=lockstep-source';
/** What Node has compiled, by content: a process that loads the same files again starts in half the time. */
const compiled = join(root, 'node_modules', '.cache', 'node');
// The least that runs TypeScript as it is, without a flag.
const LEAST = [22, 18];

/**
 * Runs a program on the Node that package.json pins, and resolves to its exit code.
 * @param {string} file a script's path, from the root of the project, or the bare name of a package's program
 * @param {string[]} args
 * @param {{ cwd?: string }} [options]
 * @returns {Promise<number>}
 */
export function execute(file, args, { cwd = process.cwd() } = {}) {
  const node = pinnedNode();
  const [program, all] = file.includes('/')
    ? [node, [join(root, file), ...args]]
    : [join(binaries, file), args];
  const child = spawn(program, all, {
    cwd,
    stdio: 'inherit',
    // The scripts of packages ask the PATH for their `node`.
    env: {
      ...process.env,
      PATH: [binaries, process.env.PATH].join(delimiter),
      NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} ${fromSources}`.trim(),
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? compiled,
    },
  });
  // The terminal sends its interrupt to both of us; the child decides what to do about it.
  const forward = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
  const ignore = () => {};
  process.on('SIGINT', ignore).on('SIGTERM', forward).on('SIGHUP', forward);
  // npm runs this in a shell, and ends the shell alone when it is stopped.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.env.npm_lifecycle_event !== undefined && process.ppid !== parent) child.kill('SIGTERM');
  }, 500).unref();
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('exit', (code, signal) => {
      clearInterval(watch);
      process.off('SIGINT', ignore).off('SIGTERM', forward).off('SIGHUP', forward);
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

function pinnedNode() {
  const pinned = join(binaries, 'node');
  if (existsSync(pinned)) return pinned;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = LEAST;
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return process.execPath;
  throw new Error(
    `${pinned} is missing: the install script of the npm package "node" did not run. Allow it (\`npm rebuild node --ignore-scripts=false\`), or install Node ${LEAST.join('.')} or newer; this is ${process.versions.node}`,
  );
}
