import { expect, test } from 'vitest';
import { StoreFit } from '../../workers/store-fit.ts';

function asked() {
  const calls: string[] = [];
  let now = 0;
  let fault: Error | null = null;
  const call = (name: string) => async () => {
    calls.push(name);
    if (fault) throw fault;
  };
  const store = { name: 'legacy', ping: call('ping'), check: call('check') } as const;
  const fit = new StoreFit(() => now);
  return {
    calls,
    check: () => fit.check(store),
    later: (ms: number) => {
      now += ms;
    },
    fails: (error: Error | null) => {
      fault = error;
    },
  };
}

test('all of a store is looked at once a minute, and in between it is asked for an answer', async () => {
  const { calls, check, later } = asked();
  for (const ms of [0, 5_000, 54_999, 1]) {
    later(ms);
    await check();
  }
  expect(calls).toEqual(['check', 'ping', 'ping', 'check']);
});

test('a store that is not as it should be is looked at each time, until it is', async () => {
  const { calls, check, fails } = asked();
  fails(new Error('no table'));
  await expect(check()).rejects.toThrow('no table');
  await expect(check()).rejects.toThrow('no table');
  fails(null);
  await check();
  await check();
  expect(calls).toEqual(['check', 'check', 'check', 'ping']);
});

test('a store that gives no answer is told in between, too', async () => {
  const { check, fails } = asked();
  await check();
  fails(new Error('away'));
  await expect(check()).rejects.toThrow('away');
});
