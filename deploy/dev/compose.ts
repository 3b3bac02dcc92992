import { join } from 'node:path';
import type { Instance, ServerName, StopMode, Way } from './contract.ts';
import { cloneId } from './place.ts';
import { run, which } from './programs.ts';

const ENGINE_MS = 5_000;
const STEP_MS = 600_000;

/** Runs the server in a container of this clone's own Compose project, where an engine answers. */
export const dockerCompose: Way = {
  name: 'Docker Compose',
  remedy: 'start Docker (`docker compose version` and `docker info` must answer)',
  async find() {
    const docker = which('docker');
    if (docker === undefined) return { unavailable: 'no `docker` on the PATH' };
    try {
      await run({ file: docker, args: ['compose', 'version'] }, { timeoutMs: ENGINE_MS });
      await run({ file: docker, args: ['info'] }, { timeoutMs: ENGINE_MS });
    } catch {
      return { unavailable: 'no Docker engine with Compose answers' };
    }
    return { programs: null };
  },
};

export async function startContainer(name: ServerName, instance: Instance): Promise<void> {
  await compose(name, instance, ['up', '--detach', name]);
}

export async function stopContainer(name: ServerName, instance: Instance, mode: StopMode): Promise<void> {
  await compose(name, instance, mode === 'kill' ? ['kill', name] : ['stop', '--timeout', '30', name]);
}

/** The container's id while it runs. */
export async function containerOf(name: ServerName, instance: Instance): Promise<string | undefined> {
  const id = await compose(name, instance, ['ps', '--quiet', '--status', 'running', name]);
  return id.trim() || undefined;
}

function compose(name: ServerName, { port, uiPort, password }: Instance, args: string[]): Promise<string> {
  const variable = name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_');
  return run(
    {
      file: 'docker',
      args: [
        'compose',
        '--project-name',
        `lockstep-dev-${cloneId}`,
        '--file',
        join(import.meta.dirname, 'compose.yml'),
        ...args,
      ],
      env: {
        [`LOCKSTEP_DEV_${variable}_PORT`]: String(port),
        [`LOCKSTEP_DEV_${variable}_PASSWORD`]: password,
        ...(uiPort !== null && { LOCKSTEP_DEV_UI_PORT: String(uiPort) }),
      },
    },
    { timeoutMs: STEP_MS },
  );
}
