import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { audit } from '../../proofs/account/audit.ts';
import { type Contents, rowText } from '../../proofs/account/contents.ts';
import type { Fault } from '../../proofs/account/fault.ts';
import { PromiseLog } from '../../proofs/account/promises.ts';
import { RandomWrites } from '../../proofs/account/random.ts';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-audit-'));
afterAll(() => rmSync(folder, { recursive: true }));

const draws = new RandomWrites(1);
const [left, right, never] = [draws.newKey(), draws.newKey(), draws.newKey()];
const [first, second, third, refused] = [left, left, right, right].map((key) => draws.account(key));
const unasked = draws.account(never);

/** A log and two stores that keep it; each test breaks one thing. */
function sound() {
  if (!first || !second || !third || !refused) throw new TypeError('four accounts were drawn');
  const log = new PromiseLog(join(folder, 'promises.jsonl'));
  const ask = (operationId: string, key: string, change: Parameters<PromiseLog['ask']>[0]['change']) =>
    log.ask({ operationId, key, change, expected: null });
  ask('a', left, { kind: 'create', account: first });
  ask('b', left, { kind: 'replace', account: second });
  ask('c', right, { kind: 'create', account: third });
  ask('d', right, { kind: 'create', account: refused });
  ask('e', right, { kind: 'delete' });
  log.answer('a', { outcome: 'acknowledged', version: '10' });
  log.answer('b', { outcome: 'unknown', code: 'OutcomeUnknown' });
  log.answer('b', { outcome: 'acknowledged', version: '20' });
  log.answer('c', { outcome: 'acknowledged', version: '11' });
  log.answer('d', { outcome: 'refused', code: 'AlreadyExists' });
  log.answer('e', { outcome: 'acknowledged', version: '30' });
  const contents = () => ({
    rows: new Map([[left, rowText(second)]]),
    records: new Map([
      [left, { version: '20', deleted: false, digest: 'x' }],
      [right, { version: '30', deleted: true, digest: null as string | null }],
    ]),
    journal: [
      { id: 'a', key: left, status: 'completed', version: '10', reason: null as string | null },
      { id: 'b', key: left, status: 'completed', version: '20', reason: null },
      { id: 'c', key: right, status: 'completed', version: '11', reason: null },
      { id: 'd', key: right, status: 'failed', version: '11', reason: 'AlreadyExists' },
      { id: 'e', key: right, status: 'completed', version: '30', reason: null },
    ],
    witness: [
      { key: left, event: 'set', mark: first.mark },
      { key: right, event: 'set', mark: third.mark },
      { key: left, event: 'set', mark: second.mark },
      { key: right, event: 'delete', mark: third.mark },
    ],
  });
  const secondary = { ...contents(), journal: [] };
  return { log, primary: contents(), secondary };
}

function faultsOf({ log, primary, secondary }: { log: PromiseLog; primary: Contents; secondary: Contents }) {
  return new Set(audit(log, primary, secondary).map(({ fault }) => fault));
}

test('stores that keep every promise have no fault', () => {
  const { log, primary, secondary } = sound();
  expect(audit(log, primary, secondary)).toEqual([]);
});

test('a secondary may skip what a newer write has replaced', () => {
  const stores = sound();
  stores.secondary.witness.shift();
  expect(faultsOf(stores)).toEqual(new Set());
});

test('what the journal still owes the secondary is open, and not lost', () => {
  const stores = sound();
  const entry = stores.primary.journal.find(({ id }) => id === 'b');
  if (!entry) throw new TypeError('the journal has the second write');
  entry.status = 'pending';
  stores.secondary.rows.delete(left);
  stores.secondary.records.delete(left);
  expect(faultsOf(stores)).toEqual(new Set(['open']));
  stores.primary.rows.delete(left);
  expect(faultsOf(stores)).toEqual(new Set(['open', 'lost']));
});

const broken: { what: string; fault: Fault; breaking: (stores: ReturnType<typeof sound>) => void }[] = [
  {
    what: 'an acknowledged write that the journal lacks',
    fault: 'lost',
    breaking: ({ primary }) => void primary.journal.shift(),
  },
  { what: 'a row that is gone', fault: 'lost', breaking: ({ secondary }) => void secondary.rows.clear() },
  {
    what: 'a row that is older',
    fault: 'unequal',
    breaking: ({ secondary }) => void secondary.rows.set(left, 'old'),
  },
  {
    what: 'a write that no trigger saw',
    fault: 'lost',
    breaking: ({ primary }) => void primary.witness.splice(2, 1),
  },
  {
    what: 'a write seen twice',
    fault: 'twice',
    breaking: ({ secondary, primary }) => void secondary.witness.push(...primary.witness.slice(2, 3)),
  },
  {
    what: 'a delete seen twice',
    fault: 'twice',
    breaking: ({ primary }) => void primary.witness.push(...primary.witness.slice(3)),
  },
  {
    what: 'a refused write that took effect',
    fault: 'ghost',
    breaking: ({ primary }) =>
      void primary.witness.push({ key: right, event: 'set', mark: refused?.mark ?? 0 }),
  },
  {
    what: 'a row that nobody asked for',
    fault: 'ghost',
    breaking: ({ primary }) => void primary.rows.set(never, rowText(unasked)),
  },
  {
    what: 'a store that goes back',
    fault: 'version',
    breaking: ({ secondary }) => void secondary.witness.unshift(...secondary.witness.splice(2, 1)),
  },
  {
    what: 'a guard behind its last write',
    fault: 'version',
    breaking: ({ secondary }) =>
      void secondary.records.set(left, { version: '10', deleted: false, digest: 'x' }),
  },
  {
    what: 'digests that differ',
    fault: 'unequal',
    breaking: ({ secondary }) =>
      void secondary.records.set(left, { version: '20', deleted: false, digest: 'y' }),
  },
  {
    what: 'a refusal without a reason',
    fault: 'unjust',
    breaking: ({ primary }) =>
      void primary.journal.splice(3, 1, {
        id: 'd',
        key: right,
        status: 'failed',
        version: '30',
        reason: 'AlreadyExists',
      }),
  },
  {
    what: 'a write that is pending',
    fault: 'open',
    breaking: ({ primary }) =>
      void primary.journal.splice(1, 1, {
        id: 'b',
        key: left,
        status: 'pending',
        version: '20',
        reason: null,
      }),
  },
];

test.each(broken)('the audit finds $what', ({ fault, breaking }) => {
  const stores = sound();
  breaking(stores);
  expect(faultsOf(stores)).toContain(fault);
});
