import { createWriteStream, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Found, Way } from './contract.ts';
import { cacheFolder } from './place.ts';
import { isExecutable, run, which } from './programs.ts';

// The newest version that `go install` accepts: later ones carry a `replace` directive.
const version = '1.5.1';
const oldestServer = [1, 28];
const cached = join(cacheFolder, `temporal-${version}`);
const CONNECT_MS = 5_000;
const DOWNLOAD_MS = 300_000;
const BUILD_MS = 1_200_000;
const VERSION_MS = 20_000;

export const pathTemporal: Way = {
  name: '`temporal` on the PATH',
  remedy: `install the Temporal CLI ${version} or newer (https://docs.temporal.io/cli/setup-cli)`,
  async find() {
    const program = which('temporal', ['/opt/homebrew/bin', '/usr/local/bin']);
    return program === undefined ? { unavailable: 'not there' } : checked(program);
  },
};

export const cachedTemporal: Way = {
  name: 'the Temporal CLI of an earlier run',
  remedy: '',
  find: async () => (isExecutable(cached) ? checked(cached) : { unavailable: `no ${cached}` }),
};

export const officialTemporal: Way = {
  name: 'the official download',
  remedy: 'let this machine reach https://temporal.download',
  async find({ report }) {
    const platform = { linux: 'linux', darwin: 'darwin' }[process.platform as string];
    const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as string];
    if (platform === undefined || architecture === undefined) {
      return { unavailable: `there is none for ${process.platform} on ${process.arch}` };
    }
    const source = `https://temporal.download/cli/v${version}?platform=${platform}&arch=${architecture}`;
    const answer = await fetch(source, { signal: AbortSignal.timeout(CONNECT_MS) });
    const { archiveUrl, fileToExtract } = (await answer.json()) as {
      archiveUrl: string;
      fileToExtract: string;
    };
    report(`downloading the Temporal CLI ${version}`);
    return intoCache(async (folder) => {
      const archive = join(folder, 'archive');
      const { body } = await fetch(archiveUrl, { signal: AbortSignal.timeout(DOWNLOAD_MS) });
      if (body === null) throw new Error(`${archiveUrl} is empty`);
      await pipeline(Readable.fromWeb(body), createWriteStream(archive));
      await run(
        { file: 'tar', args: ['-xzf', archive, '-C', folder, fileToExtract] },
        { timeoutMs: DOWNLOAD_MS },
      );
      return join(folder, fileToExtract);
    });
  },
};

export const goInstallTemporal: Way = {
  name: `go install github.com/temporalio/cli/cmd/temporal@v${version}`,
  remedy: 'install Go 1.26+ (https://go.dev/dl)',
  async find({ report }) {
    const go = which('go', ['/usr/local/go/bin']);
    if (go === undefined) return { unavailable: 'no `go` on the PATH' };
    report(
      `building the Temporal CLI ${version} with Go: this takes about three minutes, once for this user`,
    );
    return intoCache(async (folder) => {
      const args = ['install', `github.com/temporalio/cli/cmd/temporal@v${version}`];
      await run({ file: go, args, env: { GOBIN: folder, GOFLAGS: '' } }, { timeoutMs: BUILD_MS });
      return join(folder, 'temporal');
    });
  },
};

/** Makes the program in a folder beside its place and moves it there in one step, so that nobody ever runs half of it. */
async function intoCache(make: (folder: string) => Promise<string>): Promise<Found> {
  mkdirSync(cacheFolder, { recursive: true });
  const folder = mkdtempSync(join(cacheFolder, 'making-'));
  try {
    const made = await make(folder);
    const found = await checked(made);
    if ('programs' in found) renameSync(made, cached);
    return 'programs' in found ? { programs: cached } : found;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function checked(program: string): Promise<Found> {
  const text = await run({ file: program, args: ['--version'] }, { timeoutMs: VERSION_MS });
  const [, major = 0, minor = 0] = (/Server (\d+)\.(\d+)/.exec(text) ?? []).map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = oldestServer;
  const enough = major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
  return enough
    ? { programs: program }
    : {
        unavailable: `${program} carries server ${major}.${minor}; ${oldestServer.join('.')} or newer is needed`,
      };
}
