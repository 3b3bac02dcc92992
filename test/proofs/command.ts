import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const program = join(import.meta.dirname, '../../cli/main.ts');
const config = join(import.meta.dirname, 'lockstep.config.ts');

/** Runs `lockstep` as a process of its own; gives its exit code and the object it printed. */
export async function lockstep(
  environment: NodeJS.ProcessEnv,
  ...args: readonly string[]
): Promise<{ code: number; shown: unknown }> {
  const child = spawn(process.execPath, [program, ...args, '--config', config, '--json'], {
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code: code ?? -1, shown: JSON.parse(output) };
}
