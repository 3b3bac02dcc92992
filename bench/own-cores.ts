import { execFile } from 'node:child_process';
import { cpus } from 'node:os';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Gives this process one core, and those of a server another, until it is disposed. A process that answers on its client's core takes half the time
 * of one on another, and where the system puts it depends on when its connection was made, so that of two pools either may be twice as fast.
 * Null where it cannot be said which core: there is one only, no `taskset`, or the server is on another machine.
 */
export async function onOwnCores(serverProcesses: readonly number[]): Promise<AsyncDisposable | null> {
  const all = `0-${cpus().length - 1}`;
  if (cpus().length < 2 || serverProcesses.length === 0) return null;
  const place = async (cores: string, processes: readonly number[]) => {
    for (const id of processes) await run('taskset', ['-apc', cores, String(id)]);
  };
  try {
    await place('0', [process.pid]);
    await place('1', serverProcesses);
  } catch {
    await place(all, [process.pid]).catch(() => undefined);
    return null;
  }
  return {
    [Symbol.asyncDispose]: () => place(all, [process.pid, ...serverProcesses]),
  };
}
