import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { rowText } from '../../proofs/account/contents.ts';
import type { Fault } from '../../proofs/account/fault.ts';
import { PromiseLog } from '../../proofs/account/promises.ts';
import { RandomWrites } from '../../proofs/account/random.ts';
import { judge } from '../../proofs/cutover/oracle.ts';
import { waitsOf } from '../../proofs/cutover/waits.ts';
import type { Call, TokenRead } from '../../proofs/cutover/writers.ts';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-cutover-'));
afterAll(() => rmSync(folder, { recursive: true }));

const draws = new RandomWrites(1);
const [key, other] = [draws.newKey(), draws.newKey()];
const [first, second] = [draws.account(key), draws.account(key)];

/** Two writes of a key, the first of which legacy has decided and modern the second, and one that failed. */
function sound() {
  const log = new PromiseLog(join(folder, 'promises.jsonl'));
  log.ask({ operationId: 'a', key, change: { kind: 'create', account: first }, expected: null });
  log.ask({ operationId: 'b', key, change: { kind: 'replace', account: second }, expected: null });
  log.ask({ operationId: 'c', key: other, change: { kind: 'delete' }, expected: null });
  log.answer('a', { outcome: 'acknowledged', version: '10' });
  log.answer('b', { outcome: 'unknown', code: 'OutcomeUnknown' });
  log.answer('b', { outcome: 'acknowledged', version: '20' });
  log.answer('b', { outcome: 'acknowledged', version: '20' });
  log.answer('c', { outcome: 'failed', code: 'StoreUnavailable' });
  const contents = () => ({
    rows: new Map([[key, rowText(second)]]),
    records: new Map([[key, { version: '20', deleted: false, digest: 'x' }]]),
    journal: [
      { id: 'a', key, status: 'completed', version: '10', reason: null },
      { id: 'b', key, status: 'completed', version: '20', reason: null },
    ],
    witness: [
      { key, event: 'set', mark: first.mark },
      { key, event: 'set', mark: second.mark },
    ],
  });
  const read = {
    key,
    atLeast: '10',
    askedAt: 0,
    answeredAt: 1,
    answer: { version: '20', row: rowText(second) },
  };
  const reads: TokenRead[] = [read];
  return { log, reads, legacy: contents(), modern: contents() };
}

function faultsOf({ log, reads, legacy, modern }: ReturnType<typeof sound>, isTentative = false): Set<Fault> {
  const found = judge({ log, reads }, { legacy, modern }, 'modern', () => isTentative);
  return new Set(found.map(({ fault }) => fault));
}

test('stores that keep every promise have no fault, and the one that follows may skip a write', () => {
  expect(faultsOf(sound())).toEqual(new Set());
  const skipping = sound();
  skipping.legacy.witness.shift();
  expect(faultsOf(skipping)).toEqual(new Set());
});

test.each<{ what: string; fault: Fault; breaking: (run: ReturnType<typeof sound>) => void }>([
  {
    what: 'an operation that is told another version when it is sent again',
    fault: 'told',
    breaking: ({ log }) => log.answer('a', { outcome: 'acknowledged', version: '11' }),
  },
  {
    what: 'an operation that is refused when it is sent again',
    fault: 'told',
    breaking: ({ log }) => log.answer('a', { outcome: 'refused', code: 'AlreadyExists' }),
  },
  {
    what: 'a failed write that took effect',
    fault: 'ghost',
    breaking: ({ modern }) =>
      void modern.journal.push({ id: 'c', key: other, status: 'completed', version: '5', reason: null }),
  },
  {
    what: 'a read that is older than its token',
    fault: 'read',
    breaking: ({ reads }) =>
      void reads.push({
        key,
        atLeast: '20',
        askedAt: 0,
        answeredAt: 1,
        answer: { version: '10', row: rowText(first) },
      }),
  },
  {
    what: 'a read of a row that its version never had',
    fault: 'read',
    breaking: ({ reads }) =>
      void reads.push({
        key,
        atLeast: '10',
        askedAt: 0,
        answeredAt: 1,
        answer: { version: '20', row: rowText(first) },
      }),
  },
  {
    what: 'a read that finds nothing, though nobody has deleted it',
    fault: 'read',
    breaking: ({ reads }) => void reads.push({ key, atLeast: '10', askedAt: 0, answeredAt: 1, answer: null }),
  },
  {
    what: 'a write that takes effect again after a change of primary',
    fault: 'twice',
    breaking: ({ legacy }) => void legacy.witness.push({ key, event: 'set', mark: first.mark }),
  },
  {
    what: 'a write that neither database has seen',
    fault: 'lost',
    breaking: ({ legacy, modern }) => {
      legacy.witness.shift();
      modern.witness.shift();
    },
  },
  {
    what: 'versions that were raised without a write',
    fault: 'version',
    breaking: ({ legacy, modern }) => raise(legacy, modern),
  },
])('$what is found', ({ fault, breaking }) => {
  const run = sound();
  breaking(run);
  expect(faultsOf(run)).toContain(fault);
});

test('undoing a parallel write may raise versions, in both stores alike', () => {
  const run = sound();
  raise(run.legacy, run.modern);
  expect(faultsOf(run, true)).toEqual(new Set());
  raise(run.modern);
  expect(faultsOf(run, true)).toContain('unequal');
});

test('a call may wait for the drain, and for what was away meanwhile', () => {
  const bound = { drainLimitMs: 20_000, askAgainMs: 1_000, noticeMs: 5_000 };
  const call: Call = {
    operationId: 'a',
    repeat: null,
    askedAt: 0,
    answeredAt: 24_000,
    answer: { outcome: 'acknowledged', version: '1' },
    message: '',
  };
  const beyond = (absences: Parameters<typeof waitsOf>[1]) => waitsOf([call], absences, bound)[0]?.beyondMs;
  expect(beyond([])).toBe(3_000);
  expect(beyond([{ victim: 'worker', from: 25_000, to: 26_000 }])).toBe(3_000);
  expect(beyond([{ victim: 'worker', from: 1_000, to: 2_000 }])).toBe(-3_000);
});

function raise(...stores: ReturnType<typeof sound>['legacy'][]): void {
  for (const { records } of stores) {
    const record = records.get(key);
    if (record) record.version = String(Number(record.version) + 10);
  }
}
