import { expect, test, vi } from 'vitest';
import { ChunkSize } from '../../activities/backfill/chunk-size.ts';
import { Throttle } from '../../activities/backfill/throttle.ts';
import { LiveLatency } from '../../activities/write/live-latency.ts';
import { Random } from '../../examples/orders/random.ts';

interface Service {
  everyMs: number;
  /** How long its writes take. */
  quietMs: number;
  copyingMs: number;
}

/** A service that writes and a backfill that copies beside it, on a clock of their own. */
class Beside {
  now = 0;
  readonly latency = new LiveLatency(() => this.now);
  readonly throttle: Throttle;
  readonly service: Service;
  longestPauseMs = 0;
  #nextWriteAt = 0;
  #copying = false;

  constructor(service: Service, factor = 1.5) {
    this.service = service;
    this.throttle = new Throttle(this.latency, factor);
  }

  /** The service writes on meanwhile. */
  async pass(ms: number): Promise<void> {
    const until = this.now + ms;
    while (this.#nextWriteAt < until) {
      this.now = Math.max(this.now, this.#nextWriteAt);
      await this.latency.measure(async () => {
        this.now += this.#copying ? this.service.copyingMs : this.service.quietMs;
      });
      this.#nextWriteAt += this.service.everyMs;
    }
    this.now = Math.max(this.now, until);
  }

  readonly pause = async (ms: number) => {
    await this.pass(ms);
    return true;
  };

  /** Copies chunks for a while. Gives the share of the time that went to them. */
  async copy(chunkMs: number, forMs: number): Promise<number> {
    let copyingMs = 0;
    let pausedMs = 0;
    for (const until = this.now + forMs; this.now < until; ) {
      const copied = await this.throttle.run(async () => {
        const began = this.now;
        this.#copying = true;
        await this.pass(chunkMs);
        this.#copying = false;
        copyingMs += this.now - began;
      }, this.pause);
      pausedMs += copied.pausedMs;
      this.longestPauseMs = Math.max(this.longestPauseMs, copied.pausedMs);
    }
    return copyingMs / (copyingMs + pausedMs);
  }
}

const minute = 60_000;

test('without live writes nothing is given way to', async () => {
  const at = new Beside({ everyMs: Number.POSITIVE_INFINITY, quietMs: 1, copyingMs: 1 });
  await at.pass(minute);
  expect(at.throttle.isActive).toBe(false);
  expect(at.throttle.readsAhead).toBe(true);
  expect(await at.copy(20, minute)).toBe(1);
});

test('what is to be alone is copied in turn, without live writes too', async () => {
  const at = new Beside({ everyMs: Number.POSITIVE_INFINITY, quietMs: 1, copyingMs: 1 });
  let together = 0;
  let most = 0;
  const copy = async () => {
    together += 1;
    most = Math.max(most, together);
    await new Promise((resolve) => setImmediate(resolve));
    together -= 1;
  };
  const run = (alone: boolean) =>
    Promise.all([1, 2, 3].map(() => at.throttle.run(copy, at.pause, { alone })));
  await run(true);
  expect(most).toBe(1);
  await run(false);
  expect(most).toBe(3);
});

test('a factor of 0 never gives way', async () => {
  const at = new Beside({ everyMs: 50, quietMs: 2, copyingMs: 200 }, 0);
  await at.pass(minute);
  expect(await at.copy(20, minute)).toBe(1);
});

test('small chunks that cost much keep a quarter of the time beside writers that they slow', async () => {
  const at = new Beside({ everyMs: 50, quietMs: 2, copyingMs: 45 });
  await at.pass(minute);
  expect(await at.copy(200, 10 * minute)).toBeGreaterThanOrEqual(0.24);
});

test('a chunk that waited long for locks is followed by a bounded pause', async () => {
  const at = new Beside({ everyMs: 50, quietMs: 2, copyingMs: 45 });
  await at.pass(minute);
  await at.copy(10_000, 10 * minute);
  expect(at.longestPauseMs).toBeLessThanOrEqual(1_000);
});

test('writes that take a few milliseconds longer do not hold a copy up', async () => {
  const at = new Beside({ everyMs: 50, quietMs: 1, copyingMs: 5 });
  await at.pass(minute);
  await at.copy(200, minute);
  const share = await at.copy(200, minute);
  expect(share).toBeGreaterThan(0.85);
  // The rests tell what is usual.
  expect(share).toBeLessThan(0.92);
});

test('a copy that slows live writes gives way, and goes on as before when it does not any more', async () => {
  const at = new Beside({ everyMs: 50, quietMs: 2, copyingMs: 4 });
  await at.pass(minute);
  await at.copy(25, minute);
  expect(await at.copy(25, minute)).toBeGreaterThan(0.75);
  at.service.copyingMs = 40;
  await at.copy(25, 5_000);
  expect(await at.copy(25, minute)).toBeLessThan(0.35);
  at.service.copyingMs = 4;
  await at.copy(25, minute);
  expect(await at.copy(25, minute)).toBeGreaterThan(0.75);
});

test('a slow moment is judged once, however much is written and copied in it', async () => {
  const at = new Beside({ everyMs: 25, quietMs: 2, copyingMs: 2 });
  await at.pass(minute);
  await at.copy(25, 2 * minute);
  at.service.copyingMs = 20;
  await at.copy(25, 900);
  expect(at.throttle.readsAhead).toBe(true);
  await at.copy(25, 3_000);
  expect(at.throttle.readsAhead).toBe(false);
});

test('where nothing tells any more what writes take without copying, longer pauses find out', async () => {
  const at = new Beside({ everyMs: 50, quietMs: 2, copyingMs: 4 });
  await at.pass(minute);
  await at.copy(25, minute);
  // From here on every write meets a chunk.
  const pausing = at.pass.bind(at);
  at.pass = async (ms) => {
    at.now += ms;
  };
  const copyAll = async () => {
    for (const until = at.now + 12 * minute; at.now < until; ) {
      await at.throttle.run(() => pausing(60), at.pause);
    }
  };
  await copyAll();
  at.pass = pausing;
  expect(await at.copy(25, 1_000)).toBeLessThan(0.4);
});

test('a service that hardly writes does not hold a copy up', async () => {
  const at = new Beside({ everyMs: 4_000, quietMs: 2, copyingMs: 4 });
  await at.pass(minute);
  await at.copy(25, 2 * minute);
  expect(await at.copy(25, minute)).toBeGreaterThan(0.6);
});

test('time that passes anyway between two chunks counts as a rest', async () => {
  const at = new Beside({ everyMs: 50, quietMs: 2, copyingMs: 4 });
  await at.pass(minute);
  const copy = () => at.throttle.run(() => at.pass(400), at.pause);
  await copy();
  await at.pass(250);
  const { pausedMs } = await copy();
  expect(pausedMs).toBeGreaterThan(100);
  expect(pausedMs).toBeLessThan(180);
  await at.pass(1_000);
  expect((await copy()).pausedMs).toBe(0);
});

/** Two chunks that overlap for so long, where they may. Gives how many were under way at once. */
async function overlapping(at: Beside, ms: number): Promise<number> {
  const gate = Promise.withResolvers<void>();
  let underWay = 0;
  const copy = async () => {
    underWay += 1;
    await gate.promise;
  };
  const both = [1, 2].map(() => at.throttle.run(copy, at.pause));
  await new Promise((resolve) => setImmediate(resolve));
  const most = underWay;
  at.now += ms;
  gate.resolve();
  await Promise.all(both);
  return most;
}

test('the time of chunks that overlap counts once', async () => {
  const at = new Beside({ everyMs: 50, quietMs: 2, copyingMs: 2 });
  await at.pass(minute);
  await at.copy(25, minute);
  // What is owed of earlier chunks is over then.
  await at.pass(1_000);
  expect(await overlapping(at, 2_700)).toBe(2);
  const { pausedMs } = await at.throttle.run(() => at.pass(10), at.pause);
  expect(pausedMs).toBeGreaterThan(290);
  expect(pausedMs).toBeLessThan(310);
});

test('chunks come one at a time where writes beside several take a few milliseconds longer', async () => {
  const at = new Beside({ everyMs: 50, quietMs: 2, copyingMs: 8 });
  await at.pass(minute);
  await at.copy(25, 2 * minute);
  expect(at.throttle.readsAhead).toBe(true);
  expect(await overlapping(at, 10)).toBe(1);
});

test('after an idle time nothing is judged by the writes of before it', async () => {
  const at = new Beside({ everyMs: 25, quietMs: 2, copyingMs: 2 });
  await at.pass(minute);
  await at.copy(25, minute);
  // One that is surely judged, and then one that is not: its writes are too few moments away.
  await at.copy(1_100, 1);
  at.service.copyingMs = 20;
  await at.copy(700, 1);
  at.service.copyingMs = 2;
  await at.pass(20_000);
  await at.copy(25, 1);
  expect(await overlapping(at, 10)).toBe(2);
});

test('a copy that was idle has to be good for a while before it goes on harder', async () => {
  const at = new Beside({ everyMs: 4_000, quietMs: 2, copyingMs: 2 });
  await at.pass(minute);
  await at.copy(25, 12_000);
  await at.pass(30_000);
  await at.copy(25, 3_000);
  expect(at.throttle.readsAhead).toBe(false);
  await at.copy(25, 12_000);
  expect(at.throttle.readsAhead).toBe(true);
});

test('a rest that is cut short is over', async () => {
  const at = new Beside({ everyMs: 50, quietMs: 2, copyingMs: 4 });
  await at.pass(minute);
  let pauses = 0;
  const cutShort = async () => {
    pauses += 1;
    if (pauses > 100) throw new Error('it asks for a rest again and again');
    return false;
  };
  await at.throttle.run(() => at.pass(400), at.pause);
  expect(await at.throttle.run(() => at.pass(400), cutShort)).toMatchObject({ pausedMs: 0 });
  expect(pauses).toBe(1);
});

test('a machine that is slow is not taken for writes that are slowed', async () => {
  const at = new Beside({ everyMs: 100, quietMs: 4, copyingMs: 6 });
  await at.pass(minute);
  await at.copy(100, minute);
  Object.assign(at.service, { everyMs: 700, quietMs: 300, copyingMs: 400 });
  await at.copy(400, minute);
  expect(await at.copy(400, minute)).toBeGreaterThan(0.85);
  expect(at.throttle.readsAhead).toBe(true);
});

test('writes that take long now and then, with or without copying, do not hold a copy up', async () => {
  const at = new Beside({ everyMs: 50, quietMs: 2, copyingMs: 2 });
  const random = new Random(7);
  const ms = () => (random.next() < 0.08 ? 60 : 2);
  Object.defineProperty(at.service, 'quietMs', { get: ms });
  Object.defineProperty(at.service, 'copyingMs', { get: ms });
  await at.pass(minute);
  await at.copy(25, minute);
  expect(await at.copy(25, 10 * minute)).toBeGreaterThan(0.87);
});

test('after a slow moment a copy is back within seconds', async () => {
  const at = new Beside({ everyMs: 50, quietMs: 2, copyingMs: 4 });
  await at.pass(minute);
  await at.copy(25, minute);
  at.service.copyingMs = 40;
  await at.copy(25, minute);
  at.service.copyingMs = 4;
  await at.copy(25, 6_000);
  expect(await at.copy(25, 5_000)).toBeGreaterThan(0.85);
});

test('where only more at once slows live writes, chunks come one at a time, and more is tried more and more rarely', async () => {
  const at = new Beside({ everyMs: 50, quietMs: 2, copyingMs: 4 });
  Object.defineProperty(at.service, 'copyingMs', { get: () => (at.throttle.readsAhead ? 40 : 4) });
  await at.pass(minute);
  await at.copy(25, 5 * minute);
  let aheadMs = 0;
  for (const until = at.now + 10 * minute; at.now < until; ) {
    const began = at.now;
    const { readsAhead } = at.throttle;
    await at.copy(25, 25);
    if (readsAhead) aheadMs += at.now - began;
  }
  expect(aheadMs).toBeGreaterThan(0);
  expect(aheadMs).toBeLessThan(10_000);
  Object.defineProperty(at.service, 'copyingMs', { get: () => 4 });
  await at.copy(25, 6 * minute);
  expect(at.throttle.readsAhead).toBe(true);
});

test('ranges that go on at once rest at once, so that writes tell what is usual', async () => {
  vi.useFakeTimers();
  try {
    const latency = new LiveLatency();
    const throttle = new Throttle(latency, 1.5);
    const pause = (ms: number) => new Promise<boolean>((resolve) => setTimeout(resolve, ms, true));
    const writing = setInterval(() => void latency.measure(() => pause(8)), 50);
    await vi.advanceTimersByTimeAsync(10_000);
    let stopped = false;
    const lanes = [90, 900].map(async (ms) => {
      while (!stopped) await throttle.run(() => pause(ms), pause);
    });
    await vi.advanceTimersByTimeAsync(2 * minute);
    expect(throttle.readsAhead).toBe(true);
    expect(latency.quantile(0.9, 'quiet', 20_000)).toBe(8);
    stopped = true;
    await vi.advanceTimersByTimeAsync(2_000);
    await Promise.all(lanes);
    clearInterval(writing);
  } finally {
    vi.useRealTimers();
  }
});

test('one chunk at a time while live writes go on', async () => {
  const at = new Beside({ everyMs: 50, quietMs: 2, copyingMs: 2 });
  await at.pass(minute);
  let underWay = 0;
  let most = 0;
  const copy = async () => {
    underWay += 1;
    most = Math.max(most, underWay);
    await at.pass(20);
    underWay -= 1;
  };
  await Promise.all([1, 2, 3].map(() => at.throttle.run(copy, at.pause)));
  expect(most).toBe(1);
});

test('a chunk that fails leaves the turn to the next', async () => {
  const at = new Beside({ everyMs: 50, quietMs: 2, copyingMs: 2 });
  await at.pass(minute);
  const failing = at.throttle.run(() => Promise.reject(new Error('away')), at.pause);
  await expect(failing).rejects.toThrow('away');
  expect(await at.copy(25, 1_000)).toBeGreaterThan(0);
});

test('a write in whose time a whole chunk falls counts as one beside copying', async () => {
  let now = 0;
  const latency = new LiveLatency(() => now);
  for (let turn = 0; turn < 10; turn++) {
    await latency.measure(async () => {
      now += 5;
      await latency.whileCopying(async () => {
        now += 20;
      });
      now += 5;
    });
  }
  expect(latency.quantile(0.9, 'copying', 1_000)).toBe(30);
  expect(latency.quantile(0.9, 'quiet', 1_000)).toBeNull();
});

test('one odd write in ten tells nothing, nor do nine writes, nor those of long ago', async () => {
  let now = 0;
  const latency = new LiveLatency(() => now);
  const write = (ms: number) =>
    latency.measure(async () => {
      now += ms;
    });
  for (let turn = 1; turn < 10; turn++) await write(5);
  expect(latency.quantile(0.9, 'quiet', 60_000)).toBeNull();
  await write(500);
  expect(latency.quantile(0.9, 'quiet', 60_000)).toBe(5);
  for (let turn = 0; turn < 300; turn++) await write(1);
  expect(latency.quantile(1, 'quiet', 60_000)).toBe(1);
});

test('a chunk grows to half a second, at most doubles, and stays within bounds', () => {
  const size = new ChunkSize(50_000);
  expect(size.keys(null)).toBe(1_000);
  const learn = (given: Partial<Parameters<ChunkSize['learn']>[0]>) =>
    size.learn({ keys: size.keys(null), bytes: size.keys(null) * 100, ms: 10, live: false, ...given });
  learn({});
  expect(size.keys(null)).toBe(2_000);
  for (let turn = 0; turn < 10; turn++) learn({});
  expect(size.keys(null)).toBe(41_943);
  learn({ ms: 1_000 });
  expect(size.keys(null)).toBe(20_971);
  learn({ ms: 100, live: true });
  expect(size.keys(null)).toBe(10_000);
  learn({ ms: 10_000, live: true });
  expect(size.keys(null)).toBe(500);
  learn({ bytes: 500 * 1024 * 1024 });
  expect(size.keys(null)).toBe(4);
  expect(size.keys(2)).toBe(1);
});
