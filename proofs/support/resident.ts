import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const everyMs = 200;

/** Looks at the resident memory of a process until it is stopped; the answer is the most that it had, in megabytes. */
export function watchResident(pid: number): () => Promise<number> {
  let peak = 0;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const now = await residentMegabytes(pid);
      // Whoever waits for the process tells why it is gone.
      if (now === null) return;
      peak = Math.max(peak, now);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  })();
  return async () => {
    isOver = true;
    await watching;
    return peak;
  };
}

async function residentMegabytes(pid: number): Promise<number | null> {
  const found = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]).catch(() => null);
  return found && Math.round(Number(found.stdout) / 1024);
}
