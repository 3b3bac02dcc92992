import { expect, test } from 'vitest';
import { routeLeaseMs } from '../../model/phase.ts';
import { soakedMs } from '../../model/soak.ts';

const since = '2030-01-31T00:00:00.000Z';
const at = Date.parse(since);

test('reads have been modern only since no service can go by the share before', () => {
  expect(soakedMs(null, at)).toBe(0);
  expect(soakedMs(since, at + routeLeaseMs)).toBe(0);
  expect(soakedMs(since, at + routeLeaseMs + 1_000)).toBe(1_000);
});
