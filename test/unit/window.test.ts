import { expect, test } from 'vitest';
import { stepTimes } from '../../cli/window.ts';

const at = (time: string) => Date.parse(time);
const berlin = (window: string, now: string, notBefore?: string) =>
  stepTimes({ window, timeZone: 'Europe/Berlin', ...(notBefore ? { notBefore } : {}) }, at(now));

test('the next window is that of the place, through the night and through a change of the clock', () => {
  expect(berlin('02:00-04:00', '2030-01-10T12:00:00Z')).toEqual({
    notBefore: '2030-01-11T01:00:00.000Z',
    notAfter: '2030-01-11T03:00:00.000Z',
  });
  expect(berlin('02:00-04:00', '2030-07-10T12:00:00Z').notBefore).toBe('2030-07-11T00:00:00.000Z');
  expect(berlin('22:30-01:00', '2030-01-10T23:30:00Z')).toEqual({
    notBefore: '2030-01-10T21:30:00.000Z',
    notAfter: '2030-01-11T00:00:00.000Z',
  });
  // On that day there is no 02:30: the clock goes from 02:00 to 03:00.
  expect(berlin('02:30-04:00', '2030-03-30T12:00:00Z')).toEqual({
    notBefore: '2030-03-31T01:30:00.000Z',
    notAfter: '2030-03-31T02:00:00.000Z',
  });
});

test('a window after a given time, or only that time', () => {
  expect(berlin('02:00-04:00', '2030-01-10T12:00:00Z', '2030-01-20T02:00:00+01:00').notBefore).toBe(
    '2030-01-20T01:00:00.000Z',
  );
  expect(stepTimes({ timeZone: 'UTC', notBefore: '2030-01-20T02:00:00Z' }, 0)).toEqual({
    notBefore: '2030-01-20T02:00:00.000Z',
    notAfter: null,
  });
  expect(stepTimes({ timeZone: 'UTC' }, 0)).toEqual({ notBefore: null, notAfter: null });
});

test.each([
  [{ window: '25:00-26:00' }, 'window'],
  [{ window: '02:00-02:00' }, 'window'],
  [{ window: '02:00' }, 'window'],
  [{ notBefore: 'soon' }, 'not-before'],
  [{ notBefore: '2030-01-20T02:00:00' }, 'not-before'],
  [{ window: '02:00-04:00', timeZone: 'Middle/Earth' }, 'time-zone'],
])('%j is refused', (given, path) => {
  const refused = () => stepTimes({ timeZone: 'UTC', ...given }, 0);
  expect(refused).toThrowError(expect.objectContaining({ code: 'InvalidInput', details: { path } }));
});
