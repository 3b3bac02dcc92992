import type { Contents } from '../account/contents.ts';
import type { Effect } from '../account/effects.ts';
import type { Find } from '../account/fault.ts';
import type { Promised, PromiseLog } from '../account/promises.ts';

/**
 * Holds what a database's own triggers saw against what took effect. A primary sees every write once; a secondary may see
 * the newest of several only, and none of them twice.
 */
export function checkRecorded(
  log: PromiseLog,
  effects: readonly Effect[],
  { witness }: Contents,
  sees: 'every' | 'some',
  find: Find,
): void {
  const versions = new Map(
    effects.flatMap(({ promised, version }) => {
      const mark = markOf(promised);
      return mark === null ? [] : [[mark, version] as const];
    }),
  );
  const asked = new Map(
    log.all().flatMap((promised) => {
      const mark = markOf(promised);
      return mark === null ? [] : [[mark, promised.operationId] as const];
    }),
  );

  for (const [key, events] of Map.groupBy(witness, (event) => event.key)) {
    const seen = new Set<number>();
    let highest = 0n;
    for (const { event, mark } of events) {
      if (event !== 'set') continue;
      const version = versions.get(mark);
      const operation = asked.get(mark) ?? `mark ${mark}`;
      if (version === undefined) {
        find('ghost', operation, 'a database saw it, no journal has it');
        continue;
      }
      if (seen.has(mark)) find('twice', operation, 'a database saw it take effect again');
      else if (BigInt(version) < highest) find('version', key, `${operation} went back behind a newer write`);
      seen.add(mark);
      if (BigInt(version) > highest) highest = BigInt(version);
    }
  }
  judgeDeletes(effects, witness, sees, find);
  if (sees === 'some') return;
  const seen = new Set(witness.map(({ mark }) => mark));
  for (const { promised } of effects) {
    const mark = markOf(promised);
    if (mark !== null && !seen.has(mark))
      find('lost', promised.operationId, 'no database saw it take effect');
  }
}

function judgeDeletes(
  effects: readonly Effect[],
  witness: Contents['witness'],
  sees: 'every' | 'some',
  find: Find,
): void {
  const done = counts(witness.flatMap(({ key, event }) => (event === 'delete' ? [key] : [])));
  const asked = counts(
    effects.flatMap(({ promised }) => (promised.change.kind === 'delete' ? [promised.key] : [])),
  );
  for (const [key, times] of done) {
    if (times > (asked.get(key) ?? 0))
      find('twice', key, `deleted ${times} times, asked for ${asked.get(key) ?? 0} times`);
  }
  if (sees === 'some') return;
  for (const [key, times] of asked) {
    if (times > (done.get(key) ?? 0))
      find('lost', key, `deleted ${done.get(key) ?? 0} times, asked for ${times} times`);
  }
}

function counts(keys: readonly string[]): Map<string, number> {
  return new Map([...Map.groupBy(keys, (key) => key)].map(([key, all]) => [key, all.length]));
}

export function markOf({ change }: Pick<Promised, 'change'>): number | null {
  switch (change.kind) {
    case 'delete':
      return change.mark ?? null;
    case 'update':
      return change.patch.mark ?? null;
    default:
      return change.account.mark;
  }
}
