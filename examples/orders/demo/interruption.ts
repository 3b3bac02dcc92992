export class Interrupted extends Error {}

/** Rejects when the demo is told to stop. A second signal ends the process at once. */
export function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    const interrupted = () => reject(new Interrupted('interrupted; cleaning up'));
    process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  });
}
