import type { StoreName } from '../../model/failure.ts';
import type { ProofEnvironment } from '../account/environment.ts';

/** What can be taken away in the middle of a change. */
export type Victim = 'worker' | 'temporal' | StoreName;

/** How a victim is taken away, and brought back. */
export interface Strike {
  readonly victim: Victim;
  begin(): Promise<void>;
  /** Resolves when it does its work again. */
  end(): Promise<void>;
}

/** When a victim was away: from before the blow until it did its work again. */
export interface Absence {
  readonly victim: Victim;
  readonly from: number;
  readonly to: number;
}

export async function strikeWith(strike: Strike, awayMs: number): Promise<Absence> {
  const from = Date.now();
  await strike.begin();
  await new Promise((resolve) => setTimeout(resolve, awayMs));
  await strike.end();
  return { victim: strike.victim, from, to: Date.now() };
}

/** Kills the only worker, and starts another. */
export function workerStrike(environment: ProofEnvironment): Strike {
  let { worker } = environment;
  return {
    victim: 'worker',
    begin: () => worker.kill(),
    async end() {
      worker = await environment.startWorker();
      // The machine may be busy with much else: that it is late is told by the figures.
      await worker.ready().catch(() => worker.ready());
    },
  };
}
