import { createRequire } from 'node:module';
import { LockstepError } from '../model/failure.ts';

/** The optional packages of which a worker needs some. */
type Optional = '@temporalio/worker' | 'pino' | 'pino-pretty';

/** By its CommonJS rules, because `import.meta.resolve` is not there in every runner of tests. */
const packages = createRequire(import.meta.url);

export function isInstalled(name: Optional): boolean {
  try {
    packages.resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** Services need none of these packages, so they are not installed with Lockstep. Throws `NotPrepared` with the command that does it. */
export function assertInstalled(names: readonly Optional[]): void {
  const missing = names.filter((name) => !isInstalled(name));
  if (missing.length === 0) return;
  const command = `npm install ${missing.map((name) => `${name}@${versionOf(name)}`).join(' ')}`;
  throw new LockstepError(
    'NotPrepared',
    `a worker needs ${missing.join(' and ')}, which ${missing.length === 1 ? 'is' : 'are'} not installed: run ${command}`,
    { remedy: command },
  );
}

/** `1.24` of `~1.24.0`, `10` of `^10.4.0`: what a shell takes without quotes. */
function versionOf(name: Optional): string {
  const manifest: { peerDependencies: Record<Optional, string> } = packages('lockstep/package.json');
  const range = manifest.peerDependencies[name];
  return range
    .slice(1)
    .split('.')
    .slice(0, range.startsWith('~') ? 2 : 1)
    .join('.');
}
