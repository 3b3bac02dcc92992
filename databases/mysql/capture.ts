import { LockstepError } from '../../model/failure.ts';
import type { BoundColumn, BoundEntity } from '../columns/bound.ts';
import { literal, quote, quoteTable } from './quote.ts';

/** What a session of ours is told by. It is set when the session begins: no one else ever gets one of our connections. */
export const ownSession = '@lockstep_writing';

const events = { i: 'INSERT', u: 'UPDATE', d: 'DELETE' } as const;
type Event = keyof typeof events;

/** Triggers that note the keys which other sessions write. */
export function captureStatements(bound: BoundEntity): string[] {
  return bound.owned.flatMap((table, at) =>
    (['i', 'u', 'd'] as const).flatMap((event) => [
      `DROP TRIGGER IF EXISTS ${triggerName(bound, at, event)}`,
      `CREATE TRIGGER ${triggerName(bound, at, event)} AFTER ${events[event]} ON ${quoteTable(table.name)} FOR EACH ROW
IF ${ownSession} IS NULL THEN
${noted(bound, table.key, event)}
END IF`,
    ]),
  );
}

export function releaseStatements(bound: BoundEntity): string[] {
  return bound.owned.flatMap((_, at) =>
    (['i', 'u', 'd'] as const).map((event) => `DROP TRIGGER IF EXISTS ${triggerName(bound, at, event)}`),
  );
}

function noted(bound: BoundEntity, key: readonly BoundColumn[], event: Event): string {
  const insert = (row: 'OLD' | 'NEW') =>
    `INSERT INTO lockstep_captured (entity, record_key) VALUES (${literal(bound.entity.name)}, ${keyOf(bound, key, row)});`;
  switch (event) {
    case 'i':
      return insert('NEW');
    case 'd':
      return insert('OLD');
    case 'u':
      return `${insert('OLD')}
IF ${keyOf(bound, key, 'OLD')} <> ${keyOf(bound, key, 'NEW')} THEN
${insert('NEW')}
END IF;`;
  }
}

function keyOf(bound: BoundEntity, key: readonly BoundColumn[], row: 'OLD' | 'NEW'): string {
  const parts = key.map((column) => {
    const text = column.canonical(`${row}.${quote(column.name)}`, column.scalar);
    // Its text would depend on the time zone of whoever writes.
    if (text !== null && !/^timestamp/i.test(column.declared)) return text;
    throw new LockstepError(
      'InvalidDefinition',
      `${bound.entity.name}.${bound.store}: column ${column.name} (${column.declared}) is part of the key, and its text cannot be noted by a trigger; ` +
        'prepare without --capture, and let reconciliation find writes outside Lockstep',
      { path: `${bound.entity.name}.${bound.store}.${column.name}` },
    );
  });
  return `JSON_ARRAY(${parts.join(', ')})`;
}

export function isCaptureTrigger(name: string, entity: string): boolean {
  const [, captured] = /^lockstep_capture_(.+)_\d+[iud]$/.exec(name) ?? [];
  return captured === entity;
}

function triggerName(bound: BoundEntity, table: number, event: Event): string {
  return quote(`lockstep_capture_${bound.entity.name}_${table}${event}`);
}
