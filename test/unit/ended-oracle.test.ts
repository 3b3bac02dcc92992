import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { rowText } from '../../proofs/account/contents.ts';
import type { Fault } from '../../proofs/account/fault.ts';
import { lastAnswer, PromiseLog } from '../../proofs/account/promises.ts';
import { RandomWrites } from '../../proofs/account/random.ts';
import { judge } from '../../proofs/cutover/oracle.ts';
import { partly, withTouches } from '../../proofs/ended/oracle.ts';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-ended-'));
afterAll(() => rmSync(folder, { recursive: true }));

const draws = new RandomWrites(1);
const [key, other] = [draws.newKey(), draws.newKey()];
const [written, touched, deleted] = [draws.account(key), draws.account(key), draws.account(other).mark];

/** A write, and a transaction with two touches whose commit was not answered: a row that is replaced, and one that is deleted. */
function sound() {
  const log = new PromiseLog(join(folder, 'promises.jsonl'));
  log.ask({ operationId: 'write-1', key, change: { kind: 'create', account: written }, expected: null });
  log.ask({
    operationId: 'write-2',
    key: other,
    change: { kind: 'create', account: { ...written, id: other, mark: 900 } },
    expected: null,
  });
  log.ask({ operationId: 'touch-1', key, change: { kind: 'replace', account: touched }, expected: null });
  log.ask({
    operationId: 'touch-2',
    key: other,
    change: { kind: 'delete', mark: deleted },
    expected: null,
  });
  for (const id of ['write-1', 'write-2']) log.answer(id, { outcome: 'acknowledged', version: '10' });
  for (const id of ['touch-1', 'touch-2']) log.answer(id, { outcome: 'unknown', code: 'Unexpected' });
  const contents = () => ({
    rows: new Map([[key, rowText(touched)]]),
    records: new Map([
      [key, { version: '20', deleted: false, digest: 'x' }],
      [other, { version: '20', deleted: true, digest: null }],
    ]),
    journal: ['write-1', 'write-2'].map((id, at) => ({
      id,
      key: at === 0 ? key : other,
      status: 'completed',
      version: '10',
      reason: null,
    })),
    witness: [
      { key, event: 'set', mark: written.mark },
      { key: other, event: 'set', mark: 900 },
      { key, event: 'set', mark: touched.mark },
      { key: other, event: 'set', mark: deleted },
      { key: other, event: 'delete', mark: deleted },
    ],
  });
  return { log, legacy: contents(), modern: contents() };
}

function judged({ log, legacy, modern }: ReturnType<typeof sound>) {
  const known = withTouches(log, { legacy, modern }, 'legacy', () => '20');
  const found = judge({ log, reads: [] }, known, 'legacy', () => false);
  return {
    faults: new Set(found.map(({ fault }) => fault)),
    parts: partly([['touch-1', 'touch-2']], known.legacy).length,
  };
}

test('a commit that was not answered is told by what the databases saw', () => {
  const run = sound();
  expect(judged(run)).toEqual({ faults: new Set(), parts: 0 });
  expect(run.log.all().map((promised) => lastAnswer(promised).outcome)).toEqual(
    Array(4).fill('acknowledged'),
  );

  const rolledBack = sound();
  for (const { rows, records, witness } of [rolledBack.legacy, rolledBack.modern]) {
    rows.set(key, rowText(written)).set(other, rowText({ ...written, id: other, mark: 900 }));
    for (const one of [key, other]) records.set(one, { version: '10', deleted: false, digest: 'y' });
    witness.splice(2);
  }
  expect(judged(rolledBack)).toEqual({ faults: new Set(), parts: 0 });
});

test.each<{ what: string; fault: Fault; breaking: (run: ReturnType<typeof sound>) => void }>([
  {
    what: 'an acknowledged touch that no database saw',
    fault: 'lost',
    breaking: ({ log, legacy, modern }) => {
      log.answer('touch-1', { outcome: 'acknowledged', version: '20' });
      for (const { witness } of [legacy, modern]) witness.splice(2, 1);
    },
  },
  {
    what: 'a touch that failed before its commit, and took effect',
    fault: 'ghost',
    breaking: ({ log }) => log.answer('touch-1', { outcome: 'failed', code: 'Unexpected' }),
  },
  {
    what: 'an entry of a touch that stays',
    fault: 'open',
    breaking: ({ legacy }) =>
      void legacy.journal.push({ id: 'touch:20:a:1', key, status: 'pending', version: '20', reason: null }),
  },
  {
    what: 'a touched row that the other store lacks',
    fault: 'unequal',
    breaking: ({ modern }) => void modern.rows.set(key, rowText(written)),
  },
])('$what is found', ({ fault, breaking }) => {
  const run = sound();
  breaking(run);
  expect(judged(run).faults).toContain(fault);
});

test('a transaction of which one store saw a part took effect in part', () => {
  const run = sound();
  for (const { witness } of [run.legacy, run.modern]) witness.splice(3);
  expect(judged(run).parts).toBe(1);
});
