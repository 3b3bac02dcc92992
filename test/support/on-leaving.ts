const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const works: (() => void)[] = [];

function leave(signal: NodeJS.Signals): void {
  for (const work of works.splice(0).toReversed()) work();
  for (const known of signals) process.off(known, leave);
  process.kill(process.pid, signal);
}

/** Ends what would outlive a process that is told to end, the last first; the answer forgets it again. */
export function onLeaving(work: () => void): () => void {
  if (works.length === 0) for (const signal of signals) process.on(signal, leave);
  works.push(work);
  return () => {
    const at = works.indexOf(work);
    if (at >= 0) works.splice(at, 1);
    if (works.length === 0) for (const signal of signals) process.off(signal, leave);
  };
}
