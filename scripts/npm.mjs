import { spawn } from 'node:child_process';

/**
 * Runs npm to its end: the one that runs us, else that of the PATH. What it prints goes to stderr; throws where it fails.
 * @param {string[]} args
 * @param {{ cwd: string, env?: NodeJS.ProcessEnv }} options
 * @returns {Promise<void>}
 */
export function npm(args, { cwd, env = process.env }) {
  const own = process.env.npm_execpath;
  const [file, all] = own?.endsWith('.js') ? [process.execPath, [own, ...args]] : ['npm', args];
  return new Promise((resolve, reject) => {
    spawn(file, all, { cwd, env, stdio: ['ignore', process.stderr, process.stderr] })
      .on('error', reject)
      .on('exit', (code) =>
        code === 0 ? resolve() : reject(new Error(`npm ${args[0]} failed (exit ${code}): see above`)),
      );
  });
}
