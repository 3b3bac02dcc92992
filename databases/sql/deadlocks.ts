import type { Engine } from '../engine/engine.ts';

/** How often work is tried whose transaction the database ends for another's sake. */
const deadlockAttempts = 5;

/**
 * Runs a whole transaction again where the database ended it in a deadlock, after a short random wait. Throws what it failed
 * with otherwise, or at the last attempt.
 *
 * @param given `isTransient` says what else is worth another attempt; `attempts` defaults to 5
 */
export async function throughDeadlocks<T>(
  engine: Pick<Engine, 'isDeadlock'>,
  work: () => Promise<T>,
  given: { attempts?: number; isTransient?: (error: unknown) => boolean } = {},
): Promise<T> {
  const { attempts = deadlockAttempts, isTransient = engine.isDeadlock } = given;
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= attempts || !isTransient(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20 * attempt));
    }
  }
}
