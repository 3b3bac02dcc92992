import { describe, expect, test } from 'vitest';
import type { Fault, OperationPlan, Scenario } from './scenario.ts';
import { search } from './search.ts';

function plan(
  kind: OperationPlan['kind'],
  pattern: OperationPlan['pattern'] = 'primary-secondary',
  more: Partial<OperationPlan> = {},
): OperationPlan {
  return { key: 'x', kind, pattern, proposed: 2, ...more };
}

/** What may happen, and to which writes; each is searched to its end. */
const scenarios: Readonly<Record<string, Omit<Scenario, 'fault'>>> = {
  'two writes of a key, with lost answers, late attempts and lost workflows': {
    operations: { a: plan('create'), b: plan('delete') },
    rows: [],
    budget: { sends: { a: 1, b: 1 }, lostAnswers: 1, late: 1, losses: 1 },
  },
  'writes of two keys while the primary changes': {
    operations: { a: plan('create', 'parallel'), b: plan('delete', 'primary-secondary', { key: 'y' }) },
    rows: ['x', 'y'],
    budget: { sends: { a: 1, b: 1 }, changes: 1 },
  },
  'an operation that is sent again while the primary changes and changes back': {
    operations: { a: plan('create'), b: plan('delete', 'primary-secondary', { proposed: 3 }) },
    rows: [],
    budget: { sends: { a: 2, b: 1 }, changes: 2 },
  },
  'a write that is given up while the primary changes, and sent again': {
    operations: { a: plan('replace'), b: plan('replace') },
    rows: ['x'],
    budget: { sends: { a: 2, b: 0 }, changes: 1, lostAnswers: 1, late: 1 },
  },
  'a refused parallel create, a newer write, and a change of primary': {
    operations: { a: plan('create', 'parallel'), b: plan('replace') },
    rows: ['x'],
    budget: { sends: { a: 1, b: 1 }, changes: 1 },
  },
  'two parallel writes with the same version, and a sweep from the journal': {
    operations: { a: plan('create', 'parallel'), b: plan('delete', 'parallel') },
    rows: [],
    budget: { sends: { a: 1, b: 1 }, losses: 1 },
  },
  'a parallel write that the secondary refuses, sent again after a change of primary': {
    operations: { a: plan('create', 'parallel', { refusedBy: 'modern' }), b: plan('replace') },
    rows: [],
    budget: { sends: { a: 2, b: 0 }, changes: 2 },
  },
  'a parked write, a newer one, and an operator who compensates': {
    operations: { a: plan('replace', 'primary-secondary', { refusedBy: 'modern' }), b: plan('replace') },
    rows: ['x'],
    budget: { sends: { a: 1, b: 1 }, changes: 1, losses: 1 },
  },
  'a change of primary that is given up, or whose workflow is lost, with a route on its way': {
    operations: { a: plan('replace'), b: plan('replace') },
    rows: ['x'],
    budget: { sends: { a: 1, b: 0 }, changes: 1, shares: 1, late: 1, losses: 1, givenUpChanges: 1 },
  },
  'a store that is set back to an older copy': {
    operations: { a: plan('replace'), b: plan('delete', 'primary-secondary', { proposed: 9 }) },
    rows: ['x'],
    budget: { sends: { a: 1, b: 1 }, copies: 1, restores: 1 },
  },
  'a store that is set back while the primary changes': {
    operations: { a: plan('replace'), b: plan('replace') },
    rows: ['x'],
    budget: { sends: { a: 1, b: 0 }, changes: 1, copies: 1, restores: 1 },
  },
};

describe('no order of the steps breaks an invariant', () => {
  for (const [name, scenario] of Object.entries(scenarios)) {
    test(name, () => {
      const { states, violation } = search({ ...scenario, fault: null });
      expect(violation?.trace ?? '', violation?.message).toBe('');
      expect(states).toBeGreaterThan(500);
    });
  }
});

/** The smallest surroundings in which each of them does harm, and the invariant that it breaks there. */
const faults: Readonly<Record<Fault, Omit<Scenario, 'fault'> & { readonly breaks: number }>> = {
  'ids-stay-behind': {
    breaks: 2,
    operations: { a: plan('replace'), b: plan('delete') },
    rows: ['x'],
    budget: { sends: { a: 2, b: 0 }, changes: 1 },
  },
  'undo-from-own-image': {
    breaks: 10,
    operations: { a: plan('create', 'parallel'), b: plan('replace') },
    rows: ['x'],
    budget: { sends: { a: 1, b: 0 }, changes: 1 },
  },
  'tentative-read-as-decision': {
    breaks: 2,
    operations: { a: plan('replace', 'parallel'), b: plan('replace') },
    rows: ['x'],
    budget: { sends: { a: 1, b: 0 }, changes: 1 },
  },
  'routes-without-number': {
    breaks: 6,
    operations: { a: plan('replace'), b: plan('replace') },
    rows: ['x'],
    budget: { sends: { a: 0, b: 0 }, shares: 2, late: 1 },
  },
  'drain-while-open': {
    breaks: 3,
    operations: { a: plan('replace'), b: plan('replace') },
    rows: ['x'],
    budget: { sends: { a: 1, b: 0 }, changes: 1 },
  },
  'close-without-fence': {
    breaks: 2,
    operations: { a: plan('replace'), b: plan('replace') },
    rows: ['x'],
    budget: { sends: { a: 2, b: 0 }, changes: 1, late: 1 },
  },
  'repeat-not-recognised': {
    breaks: 2,
    operations: { a: plan('replace'), b: plan('replace') },
    rows: ['x'],
    budget: { sends: { a: 1, b: 0 }, lostAnswers: 1 },
  },
  'no-version-guard': {
    breaks: 3,
    operations: { a: plan('replace'), b: plan('replace') },
    rows: ['x'],
    budget: { sends: { a: 1, b: 1 } },
  },
  'no-tombstone': {
    breaks: 3,
    operations: { a: plan('create'), b: plan('delete') },
    rows: [],
    budget: { sends: { a: 1, b: 1 } },
  },
  'compensate-over-newer': {
    breaks: 2,
    operations: { a: plan('replace', 'primary-secondary', { refusedBy: 'modern' }), b: plan('replace') },
    rows: ['x'],
    budget: { sends: { a: 1, b: 1 } },
  },
  'undo-looks-pending': {
    breaks: 14,
    operations: { a: plan('create', 'parallel', { refusedBy: 'modern' }), b: plan('replace') },
    rows: [],
    budget: { sends: { a: 2, b: 0 }, changes: 1 },
  },
  'refusal-not-recorded': {
    breaks: 2,
    operations: { a: plan('create', 'parallel', { refusedBy: 'legacy' }), b: plan('replace') },
    rows: [],
    budget: { sends: { a: 2, b: 0 }, changes: 1 },
  },
  'undo-from-restored': {
    breaks: 16,
    operations: { a: plan('replace', 'parallel'), b: plan('replace') },
    rows: ['x'],
    budget: { sends: { a: 1, b: 0 }, copies: 1, restores: 1 },
  },
  'repair-from-restored': {
    breaks: 16,
    operations: { a: plan('replace'), b: plan('replace') },
    rows: ['x'],
    budget: { sends: { a: 1, b: 0 }, copies: 1, restores: 1 },
  },
};

describe('a fault of the protocol is found', () => {
  for (const [fault, { breaks, ...scenario }] of Object.entries(faults)) {
    test(fault, () => {
      const { violation } = search({ ...scenario, fault: fault as Fault });
      expect(violation?.invariant, violation?.trace).toBe(breaks);
    });
  }
});
