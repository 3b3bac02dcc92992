import type { Change, Entry, Late, Route, Row, State, Store, Task } from './state.ts';

/**
 * Stands for a state: 53 bits of two hashes, so that a million of states needs little memory. That two of a million share
 * one, and one of them is not tried, has odds of about one to ten thousand.
 */
export function fingerprint(state: State): number {
  const text = textOf(state);
  let one = 0x811c9dc5;
  let two = 0x9e3779b9;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    one = Math.imul(one ^ code, 0x01000193);
    two = Math.imul(two ^ code, 0x85ebca6b);
    two ^= two >>> 15;
  }
  return (one >>> 0) * 2 ** 21 + (two >>> 11);
}

function textOf({ stores, tasks, late, change, copy, left, seen }: State): string {
  const { told, effects, truth } = seen;
  const budget = `${left.sends.a},${left.sends.b},${left.changes},${left.givenUpChanges},${left.shares},${left.lostAnswers},${left.late},${left.losses},${left.eagerSweeps},${left.copies},${left.restores}`;
  const observed = `${told.a},${told.b},${effects.a},${effects.b},${row(truth.x)},${row(truth.y)},${seen.epoch},${seen.restored}`;
  const copied = copy ? `${copy.of}${store(copy.store)}` : '';
  return `${store(stores.legacy)}|${store(stores.modern)}|${list(tasks, task)}|${list(late, attempt)}|${steps(change)}|${copied}|${budget}|${observed}`;
}

function list<T>(items: readonly T[], text: (item: T) => string): string {
  let all = '';
  for (const item of items) all += `${text(item)};`;
  return all;
}

function store({ route: own, rows, journal }: Store): string {
  return `${route(own)},${row(rows.x)},${row(rows.y)},${entry(journal.a)},${entry(journal.b)}`;
}

function route({ number, epoch, open, primary, share }: Route): string {
  return `${number}.${epoch}${open ? 'o' : 'c'}${primary[0]}${share}`;
}

function row({ version, value, origin, isTentative }: Row): string {
  return `${version}${value ?? '-'}${origin}${isTentative ? 't' : ''}`;
}

function entry(own: Entry | null): string {
  return own ? `${own.status}${own.version}.${row(own.before)}` : '';
}

function task(own: Task): string {
  const flags = `${own.isSweep ? 's' : ''}${own.tentative ? 't' : ''}${own.inDoubt ? 'd' : ''}`;
  return `${own.operation}${own.at}${flags}${route(own.route)}${own.result}${own.undoIn}${own.above}${own.carried ? row(own.carried) : ''}`;
}

function attempt(own: Late): string {
  return own.kind === 'route'
    ? `${own.store}${route(own.route)}`
    : `${own.kind}${own.operation}${own.store}${own.epoch}`;
}

function steps(change: Change | null): string {
  if (!change) return '';
  const text = (all: Change['steps']) =>
    list(all, (step) =>
      step.kind === 'route' ? `${step.store}${route(step.route)}` : `drain${step.from}${step.epoch}`,
    );
  return `${text(change.steps)}${change.back ? `/${text(change.back)}` : ''}`;
}
