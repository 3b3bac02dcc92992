import { randomUUID } from 'node:crypto';

/** A busy machine may take as long for 256 workflows. */
const timeoutMs = 180_000;
const pauseMs = 250;

/** Sends again what has no known outcome, as a service should. */
export async function sendingAgain(
  send: (options: { readonly operationId: string; readonly timeoutMs: number }) => Promise<unknown>,
): Promise<unknown> {
  const operationId = randomUUID();
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await send({ operationId, timeoutMs });
    } catch (error) {
      const isRetryable = error instanceof Error && 'retryable' in error && error.retryable === true;
      if (!isRetryable || performance.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
