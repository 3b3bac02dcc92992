const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const works: (() => void)[] = [];

function workAll(): void {
  for (const work of works.splice(0).toReversed()) work();
}

function leave(signal: NodeJS.Signals): void {
  workAll();
  unlisten();
  process.kill(process.pid, signal);
}

function listen(): void {
  for (const signal of signals) process.on(signal, leave);
  process.on('exit', workAll);
}

function unlisten(): void {
  for (const signal of signals) process.off(signal, leave);
  process.off('exit', workAll);
}

/** Ends what would outlive a process that ends, or is told to, the last first; the answer forgets it again. */
export function onLeaving(work: () => void): () => void {
  if (works.length === 0) listen();
  works.push(work);
  return () => {
    const at = works.indexOf(work);
    if (at >= 0) works.splice(at, 1);
    if (works.length === 0) unlisten();
  };
}
