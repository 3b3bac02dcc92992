import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { PromiseLog } from '../../proofs/account/promises.ts';
import { beyondLease, type Cut, isBesideCut, underOldEpochs } from '../../proofs/partition/oracle.ts';
import type { ServiceCall } from '../../proofs/partition/service.ts';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-partition-'));
afterAll(() => rmSync(folder, { recursive: true }));

const cut: Cut = {
  name: 'service 1',
  kind: 'service',
  from: 'stores',
  how: 'hang',
  since: 1_000,
  until: 20_000,
};
const late: ServiceCall = {
  service: 'service 1',
  kind: 'write',
  askedAt: 6_001,
  answeredAt: 7_000,
  failure: null,
};

test('a call that is answered after the lease of a service that has lost the stores is found', () => {
  expect(beyondLease([late], [cut], 5_000)).toEqual([late]);
  for (const sound of [
    { ...late, askedAt: 5_999 },
    { ...late, answeredAt: 20_001 },
    { ...late, failure: 'StoreUnavailable' },
    { ...late, service: 'service 2' },
  ])
    expect(beyondLease([sound], [cut], 5_000)).toEqual([]);
  expect(beyondLease([late], [{ ...cut, from: 'temporal' }], 5_000)).toEqual([]);
});

test('only a service that was cut off, or has just found its ways again, is excused', () => {
  expect(isBesideCut(late, [cut], 0)).toBe(true);
  expect(isBesideCut({ ...late, service: 'service 3' }, [cut], 0)).toBe(false);
  expect(isBesideCut({ ...late, askedAt: 20_500, answeredAt: 20_600 }, [cut], 1_000)).toBe(true);
  expect(isBesideCut({ ...late, askedAt: 21_500, answeredAt: 21_600 }, [cut], 1_000)).toBe(false);
});

test('a write under an epoch that was over when it was asked for is found', () => {
  const log = new PromiseLog(join(folder, 'promises.jsonl'));
  log.ask({ operationId: 'a', key: 'k', change: { kind: 'delete' }, expected: null });
  const at = Date.now();
  const opened = [
    { epoch: 1, at: 0 },
    { epoch: 3, at: at - 1_000 },
    { epoch: 5, at: at + 60_000 },
  ];
  expect(underOldEpochs(log, new Map([['a', 1]]), opened)).toHaveLength(1);
  expect(underOldEpochs(log, new Map([['a', 3]]), opened)).toEqual([]);
  expect(underOldEpochs(log, new Map(), opened)).toEqual([]);
});
