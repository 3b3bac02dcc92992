import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { which } from '../../deploy/dev/programs.ts';
import { unpackedFromDebian } from '../../deploy/dev/unpacked.ts';

const way = unpackedFromDebian({
  packages: ['prometheus'],
  suite: 'trixie',
  programs: ['usr/bin/promtool'],
  version: /promtool, version/,
  accounts: [],
});

export type Promtool = (args: readonly string[], input?: string) => { ok: boolean; said: string };

/** Prometheus' own tool that checks metrics, rules and configuration; or why this machine cannot have it. */
export async function promtool(): Promise<Promtool | { unavailable: string }> {
  const found = which('promtool') ?? (await unpacked());
  if (typeof found !== 'string') return found;
  return (args, input = '') => {
    try {
      return { ok: true, said: execFileSync(found, args, { input, encoding: 'utf8', stdio: 'pipe' }) };
    } catch (error) {
      const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
      return { ok: false, said: `${stdout}${stderr}` };
    }
  };
}

async function unpacked(): Promise<string | { unavailable: string }> {
  try {
    const found = await way.find({ report: (line) => process.stderr.write(`${line}\n`), folder: tmpdir() });
    return 'unavailable' in found ? found : (found.programs ?? { unavailable: 'nothing was unpacked' });
  } catch (error) {
    // No archive within reach.
    return { unavailable: error instanceof Error ? error.message : String(error) };
  }
}
