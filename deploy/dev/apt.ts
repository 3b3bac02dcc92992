import { existsSync, rmSync, writeFileSync } from 'node:fs';
import type { Found, Report, Way } from './contract.ts';
import { run, which } from './programs.ts';

const INSTALL_MS = 600_000;
const policy = '/usr/sbin/policy-rc.d';
let queue: Promise<unknown> = Promise.resolve();

/** Installs a Debian package when we are root, and looks again for the programs. */
export function aptGet(packages: readonly string[], findAgain: () => Found): Way {
  return {
    name: `apt-get install ${packages.join(' ')}`,
    remedy: `on Debian or Ubuntu, \`apt-get install ${packages.join(' ')}\` as root`,
    async find({ report }) {
      if (process.getuid?.() !== 0) return { unavailable: 'we are not root' };
      if (which('apt-get') === undefined) return { unavailable: 'no `apt-get` here' };
      report(`installing ${packages.join(' ')} with apt-get`);
      // dpkg serves one at a time, and two servers may want it.
      const turn = queue.then(() => install(packages, report));
      queue = turn.catch(() => undefined);
      await turn;
      return findAgain();
    },
  };
}

async function install(packages: readonly string[], report: Report): Promise<void> {
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const options = [
    '-q',
    '-y',
    '-o',
    'DPkg::Lock::Timeout=300',
    '-o',
    'Acquire::http::Timeout=20',
    '-o',
    'Acquire::Retries=2',
  ];
  // Without this the package would start the system's own service, which nobody asked for. A policy that is there stays.
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    await run({ file: 'apt-get', args: [...options, 'update'], env }, { timeoutMs: INSTALL_MS }).catch(
      (error: Error) => report(`apt-get update: ${error.message}; going on with the lists that are there`),
    );
    const args = [...options, 'install', '--no-install-recommends', ...packages];
    await run({ file: 'apt-get', args, env }, { timeoutMs: INSTALL_MS });
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
}
