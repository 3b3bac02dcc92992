import type { Guard } from '../guard.ts';

/** Copies beside live writes: how they give way, and that they end. */
export const throttleGuards: readonly Guard[] = [
  {
    file: 'activities/backfill/throttle.ts',
    text: 'this.#factor > 0 && this.#latency.isLive(liveMs)',
    without: 'this.#latency.isLive(liveMs)',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'A factor of 0 never gives way to live writes.',
  },
  {
    file: 'activities/backfill/throttle.ts',
    text: 'this.#factor > 0 && this.#latency.isLive(liveMs)',
    without: 'false',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'A copy gives way to live writes at all.',
  },
  {
    file: 'activities/backfill/throttle.ts',
    text: 'Math.max(minShare, this.#share * shareFactor)',
    without: 'this.#share * shareFactor',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'A copy keeps a quarter of the time, so that it ends.',
  },
  {
    file: 'activities/backfill/throttle.ts',
    text: 'Math.min(maxPauseMs, (ended - began) * (1 / this.#share - 1))',
    without: '(ended - began) * (1 / this.#share - 1)',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'The pause after a chunk is bounded.',
  },
  {
    file: 'activities/backfill/throttle.ts',
    text: 'this.#turn = mine.catch(() => undefined);',
    without: 'this.#turn = mine;',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'A chunk that fails leaves the turn to the next.',
  },
  {
    file: 'activities/backfill/throttle.ts',
    text: 'const mine = this.#turn.then(() => this.#runInTurn(copy, pause));',
    without: 'const mine = this.#runInTurn(copy, pause);',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'One chunk at a time while live writes go on.',
  },
  {
    file: 'activities/backfill/throttle.ts',
    text: 'if (now - this.#adjustedAt < adjustEveryMs) return;',
    without: '',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'A slow moment is judged once.',
  },
  {
    file: 'activities/backfill/throttle.ts',
    text: 'copying > quiet * this.#factor + toleranceMs',
    without: 'copying > quiet * this.#factor',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'Writes that take a few milliseconds longer do not hold a copy up.',
  },
  {
    file: 'activities/backfill/chunk-size.ts',
    text: 'Math.min(inTime, inMemory, grown, this.#most)',
    without: 'Math.min(inTime, inMemory, this.#most)',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'A chunk at most doubles.',
  },
  {
    file: 'activities/backfill/chunk-size.ts',
    text: 'Math.min(inTime, inMemory, grown, this.#most)',
    without: 'Math.min(inTime, grown, this.#most)',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'A chunk fits into memory.',
  },
];
