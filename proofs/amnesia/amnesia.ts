import { temporal } from '../../deploy/dev/temporal.ts';
import { atLeast, atMost, type Conditions, exactly, type Report, report } from '../report.ts';
import { ownServer } from '../support/own-server.ts';
import { fewMoments, moments } from './moments.ts';
import { type Outcome, roundOf } from './round.ts';

const drainBoundSeconds = 60;

/**
 * Temporal loses its state, in every phase and while the primary changes, with writes and transactions open. `lockstep start` alone
 * brings back what the stores know.
 */
export async function amnesia({ servers, seed, short, note }: Conditions): Promise<Report> {
  const wanted = short ? fewMoments : moments;
  await using own = await ownServer(temporal, note);
  const outcomes: Outcome[] = [];
  for (const moment of wanted) {
    const outcome = await roundOf({ ...servers, temporal: own.endpoint }, moment, () => own.lose());
    outcomes.push(outcome);
    note(JSON.stringify(outcome));
  }
  const sum = (of: (one: Outcome) => number) => outcomes.reduce((total, one) => total + of(one), 0);
  const faults = outcomes.flatMap(({ moment, faults: found }) => found.map((fault) => `${moment}: ${fault}`));
  const bars = [
    exactly('moments', wanted.length, outcomes.length),
    atLeast(
      'writes that were owed',
      3,
      sum(({ owed }) => owed),
    ),
    atLeast(
      'writes that were parked',
      3,
      sum(({ parked }) => parked),
    ),
    atLeast(
      'writes that were tentative',
      1,
      sum(({ tentative }) => tentative),
    ),
    atLeast(
      'transactions in doubt',
      1,
      sum(({ inDoubt }) => inDoubt),
    ),
    exactly('faults', 0, faults.length),
    atMost(
      'seconds until all was drained',
      drainBoundSeconds,
      Math.max(...outcomes.map(({ drainSeconds }) => drainSeconds)),
    ),
  ];
  return report('amnesia', seed, bars, {
    drainSeconds: Object.fromEntries(outcomes.map((one) => [one.moment, one.drainSeconds])),
    faults,
  });
}
