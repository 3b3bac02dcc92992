import type { Guard } from '../guard.ts';

/** Copies beside live writes: how they give way, and that they end. */
export const throttleGuards: readonly Guard[] = [
  {
    file: 'activities/backfill/throttle.ts',
    text: 'alone || (this.isActive',
    without: '(this.isActive',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'Chunks with huge rows are copied one at a time, whatever ranges they are of.',
  },
  {
    file: 'activities/backfill/chunk-size.ts',
    text: 'return this.#last.bytes >= hugeBytes',
    without: 'return false',
    tests: ['test/unit/chunk-size.test.ts'],
    keeps: 'After a chunk with huge rows the next one waits for its turn.',
  },
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
    text: '{ share: 0.25,',
    without: '{ share: 0.1,',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'A copy keeps a quarter of the time, so that it ends.',
  },
  {
    file: 'activities/backfill/throttle.ts',
    text: 'Math.min(maxRestMs, this.#owedMs + ms * (1 / share - 1))',
    without: 'this.#owedMs + ms * (1 / share - 1)',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'The rest after a chunk is bounded.',
  },
  {
    file: 'activities/backfill/throttle.ts',
    text: '      if (!isWhole) break;\n',
    without: '',
    tests: ['test/unit/throttle.test.ts'],
    keeps:
      'A rest that a cancellation cuts short is not begun again at once, for as long as it should have been.',
  },
  {
    file: 'activities/backfill/throttle.ts',
    text: ' + 0.7 * Math.sqrt(writes.length)',
    without: '',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'A few slow writes, as there always are, do not slow a copy.',
  },
  {
    file: 'activities/backfill/throttle.ts',
    text: 'if (!next || now < next.notBefore) return;',
    without: 'if (!next) return;',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'What slowed live writes is tried again more and more rarely.',
  },
  {
    file: 'activities/backfill/throttle.ts',
    text: 'if (tried && isOther) {',
    without: 'if (tried) {',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'After a slow moment a copy is back within seconds.',
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
    text: 'const mine = this.#turn.then(() => this.#runRested(copy, pause));',
    without: 'const mine = this.#runRested(copy, pause);',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'One chunk at a time while live writes go on.',
  },
  {
    file: 'activities/backfill/throttle.ts',
    text: 'if (now - this.#judgedAt < judgeEveryMs) return;',
    without: '',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'A slow moment is judged once.',
  },
  {
    file: 'activities/backfill/throttle.ts',
    text: 'usual * this.#factor + this.#toleranceMs()',
    without: 'usual * this.#factor',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'Writes that take a few milliseconds longer do not hold a copy up.',
  },
  {
    file: 'activities/backfill/throttle.ts',
    text: "=== 'together' ? 0 : toleranceMs",
    without: "=== 'together' ? toleranceMs : toleranceMs",
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'Chunks come together only where that slows live writes no more than the factor says.',
  },
  {
    file: 'activities/backfill/chunk-size.ts',
    text: 'Math.min(inTime, inMemory, grown, most)',
    without: 'Math.min(inTime, inMemory, most)',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'A chunk at most doubles.',
  },
  {
    file: 'activities/backfill/chunk-size.ts',
    text: 'Math.min(inTime, inMemory, grown, most)',
    without: 'Math.min(inTime, grown, most)',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'A chunk fits into memory.',
  },
  {
    file: 'activities/backfill/chunk-size.ts',
    text: 'chunk.live ? Math.min(this.#most, maxLiveKeys) : this.#most',
    without: 'this.#most',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'A chunk beside live writes is a short one.',
  },
  {
    file: 'activities/backfill/throttle.ts',
    text: 'const ms = ended - Math.max(began, this.#countedUntil);',
    without: 'const ms = ended - began;',
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'The time of chunks that overlap counts once.',
  },
  {
    file: 'activities/backfill/throttle.ts',
    text: `    this.#judgedAt = now;
    this.#changedAt = now;
  }

  /** For as long`,
    without: `    this.#changedAt = now;
  }

  /** For as long`,
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'After an idle time nothing is judged by the writes of before it.',
  },
  {
    file: 'activities/backfill/throttle.ts',
    text: `    this.#judgedAt = now;
    this.#changedAt = now;
  }

  /** For as long`,
    without: `    this.#judgedAt = now;
  }

  /** For as long`,
    tests: ['test/unit/throttle.test.ts'],
    keeps: 'A copy that was idle has to be good for a while before it goes on harder.',
  },
];
