import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { withLock } from '../../scripts/lock.mjs';
import { accountFor } from './account.ts';
import type { Found, Report, Way } from './contract.ts';
import { programFolder } from './place.ts';
import { isExecutable, run, which } from './programs.ts';

const LIST_MS = 300_000;
const DOWNLOAD_MS = 600_000;
const UNPACK_MS = 60_000;
const VERSION_MS = 20_000;
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

export interface Unpacked {
  packages: readonly string[];
  /** Of Debian's: `trixie`, `sid`. */
  suite: string;
  /** Programs that are run, from the root of the tree; the first is what is looked for, and asked for its version. */
  programs: readonly [string, ...string[]];
  /** What the first one says of its version. */
  version: RegExp;
  accounts: readonly string[];
}

/**
 * Debian's own packages of another release, unpacked into a folder and never installed. apt downloads them with a package list of
 * its own, from the archive that the machine's apt is set up with, and checks them by Debian's keyring. Programs that want a newer C
 * library than the machine has are started through the loader that came with them.
 */
export function unpackedFromDebian({ packages, suite, programs, version, accounts }: Unpacked): Way {
  const [first] = programs;
  return {
    name: `${packages.join(' ')} of Debian ${suite}, unpacked`,
    remedy: `run on Debian, with apt reaching its archive, to have ${packages[0]} of ${suite}`,
    async find({ report }) {
      if (which('apt-get') === undefined || which('dpkg') === undefined)
        return { unavailable: 'no `apt-get` and `dpkg` here' };
      const base = programFolder(accountFor(accounts));
      const tree = join(base, `${basename(first)}-${suite}`);
      return await withLock(
        `${tree}.lock`,
        async () => {
          if (!existsSync(tree)) {
            const reason = await fetchInto(tree, base, { packages, suite, programs }, report);
            if (reason !== null) return { unavailable: reason };
          }
          return await checked(join(tree, first), version);
        },
        { onWait: (pid) => report(`waiting for process ${pid}, which is fetching ${packages[0]}`) },
      );
    },
  };
}

/** Whether the program came here so. */
export function isUnpacked(program: string): boolean {
  return existsSync(elfOf(program));
}

/** The program itself; a script stands in its place. */
function elfOf(program: string): string {
  return `${program}.elf`;
}

/** Null, or why there is nothing. */
async function fetchInto(
  tree: string,
  base: string,
  { packages, suite, programs }: Pick<Unpacked, 'packages' | 'suite' | 'programs'>,
  report: Report,
): Promise<string | null> {
  const archives = await debianArchives();
  if (archives.length === 0) return "apt's sources name no archive of Debian";
  report(`fetching ${packages.join(', ')} of Debian ${suite}: this takes a minute, once for this user`);
  const draft = `${tree}.new`;
  rmSync(draft, { recursive: true, force: true });
  const downloads = join(draft, 'downloads');
  const root = join(draft, 'root');
  for (const folder of [join(downloads, 'archives', 'partial'), root])
    mkdirSync(folder, { recursive: true, mode: 0o755 });
  try {
    const apt = await listOf(suite, archives, { base, downloads });
    await run(
      { file: 'apt-get', args: [...apt, 'install', '--download-only', ...packages] },
      { timeoutMs: DOWNLOAD_MS },
    );
    for (const name of readdirSync(join(downloads, 'archives')).filter((name) => name.endsWith('.deb'))) {
      const args = ['-x', join(downloads, 'archives', name), root];
      await run({ file: 'dpkg', args }, { timeoutMs: UNPACK_MS });
    }
    for (const program of programs) throughLoader(root, tree, program);
    renameSync(root, tree);
    return null;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** The addresses of Debian's archive, as the machine's apt has them; the lists need not be there. */
async function debianArchives(): Promise<string[]> {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  const own = /^VERSION_CODENAME="?(\w+)/m.exec(release)?.[1];
  const suites = new Set([own, 'stable', 'oldstable', 'testing', 'unstable', 'sid'].filter(Boolean));
  const uris = await run({ file: 'apt-get', args: ['update', '--print-uris'] }, { timeoutMs: VERSION_MS });
  const found = [...uris.matchAll(/^'(\S+)\/dists\/([^/\s]+)\/(?:In)?Release'/gm)];
  return [...new Set(found.flatMap(([, uri = '', suite = '']) => (suites.has(suite) ? [uri] : [])))];
}

/** The options under which apt knows the suite and nothing else; the list is brought up to date first. */
async function listOf(
  suite: string,
  archives: readonly string[],
  { base, downloads }: { base: string; downloads: string },
): Promise<string[]> {
  const lists = join(base, `lists-${suite}`);
  mkdirSync(join(lists, 'partial'), { recursive: true, mode: 0o755 });
  const sources = join(downloads, 'sources.list');
  const status = join(downloads, 'status');
  writeFileSync(status, '');
  const settings = {
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': lists,
    'Dir::State::status': status,
    'Dir::Cache': downloads,
    'Acquire::Languages': 'none',
    'Acquire::IndexTargets::deb::DEP-11::DefaultEnabled': 'false',
    'Acquire::http::Timeout': '20',
    'Acquire::Retries': '2',
    'APT::Install-Recommends': 'false',
    'APT::Update::Error-Mode': 'any',
  };
  const options = [
    '-q',
    '-y',
    ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
  ];
  const signed = existsSync(keyring) ? `[signed-by=${keyring}] ` : '';
  let failure: unknown;
  for (const archive of archives) {
    writeFileSync(sources, `deb ${signed}${archive} ${suite} main\n`);
    try {
      await run({ file: 'apt-get', args: [...options, 'update'] }, { timeoutMs: LIST_MS });
      return options;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** Puts a script in the program's place, which starts it with the tree's own loader and libraries. */
function throughLoader(root: string, tree: string, program: string): void {
  const libraries = join('usr/lib', one(join(root, 'usr/lib'), /^\w+-linux-gnu$/));
  const loader = join(libraries, one(join(root, libraries), /^ld-linux-.*\.so\.\d$/));
  const path = join(root, program);
  renameSync(path, elfOf(path));
  const line = `exec '${join(tree, loader)}' --argv0 "$0" --library-path '${join(tree, libraries)}' '${elfOf(join(tree, program))}' "$@"`;
  writeFileSync(path, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
}

function one(folder: string, pattern: RegExp): string {
  const name = readdirSync(folder).find((name) => pattern.test(name));
  if (name === undefined) throw new Error(`${folder} holds nothing like ${pattern.source}`);
  return name;
}

async function checked(program: string, version: RegExp): Promise<Found> {
  if (!isExecutable(program))
    return { unavailable: `${program} is missing: remove its folder, and run again` };
  const text = await run({ file: program, args: ['--version'] }, { timeoutMs: VERSION_MS });
  return version.test(text)
    ? { programs: program }
    : { unavailable: `Debian has another version now: ${text.trim()}` };
}
