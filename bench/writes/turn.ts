import type { Account } from '../../proofs/account/account.ts';
import { quantile } from '../bench.ts';
import type { OpenWay } from './way.ts';

/** What one way did in one turn. */
export interface Turn {
  readonly writes: number;
  /** Writes whose caller got an error instead. */
  readonly failed: number;
  /** From the first write to the last answer. */
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  /** From the last answer until both stores had everything; 0 where callers are answered then. */
  readonly drainSeconds: number;
}

export interface TurnLength {
  readonly forMs?: number;
  /** Writes; a little more than asked for may be made. */
  readonly atLeast?: number;
}

/** A way that fails more of its writes is not measured. */
const failedShare = 0.05;

/** Callers that send their next write as soon as the last is answered, until the time is over and there are enough writes. */
export async function takeTurn(
  way: OpenWay,
  next: () => Account,
  callers: number,
  { forMs = 0, atLeast = 0 }: TurnLength,
): Promise<Turn> {
  const latencies: number[] = [];
  const errors: unknown[] = [];
  const began = performance.now();
  const caller = async () => {
    do {
      const at = performance.now();
      try {
        await way.write(next());
        latencies.push(performance.now() - at);
      } catch (error) {
        errors.push(error);
      }
    } while (performance.now() - began < forMs || latencies.length + errors.length + callers <= atLeast);
  };
  await Promise.all(Array.from({ length: callers }, caller));
  const answered = performance.now();
  if (errors.length > failedShare * (latencies.length + errors.length)) throw errors[0];
  await way.drained?.();
  return {
    writes: latencies.length,
    failed: errors.length,
    seconds: (answered - began) / 1_000,
    p50Ms: quantile(latencies, 0.5),
    p95Ms: quantile(latencies, 0.95),
    p99Ms: quantile(latencies, 0.99),
    drainSeconds: way.drained ? (performance.now() - answered) / 1_000 : 0,
  };
}
