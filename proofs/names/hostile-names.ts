/**
 * Names that have meant something else in one program or the other: to SQL, to JSON and its paths, to JavaScript's objects, to the
 * aliases and variables of Lockstep's own statements, or to a limit on length. Each may be the name of a table, of its columns and of a
 * record's properties.
 */
export const hostileNames: readonly string[] = [
  // Of Lockstep's own.
  'x',
  't',
  'k',
  'k1',
  'c0',
  'at',
  'key',
  'guard',
  'rows',
  'lockstep_at',
  'lockstep_guard',
  'v_stored',
  'p_item',
  'undecided',
  // JavaScript's.
  'constructor',
  'toString',
  'hasOwnProperty',
  'length',
  '__proto__',
  // Of SQL.
  'select',
  'order',
  'version',
  'stored',
  "'; DROP TABLE canary; --",
  '; DROP TABLE canary',
  ') OR 1=1 --',
  '/* canary */',
  '-- canary',
  "it's",
  '$lockstep$',
  '$1',
  ':named',
  '@variable',
  '%s %n',
  '[*]',
  '#hash',
  // White space, and what looks like it.
  ' leading blank',
  'two  blanks',
  'line\nbreak',
  'tab\tstop',
  'no\u00a0break',
  // Other scripts, and the longest that both engines take.
  'Größe',
  'имя',
  '名前',
  'UPPER',
  'm'.repeat(58),
  'n'.repeat(60),
  // Refused by name: they stand for something in every statement, or for tables of Lockstep's own.
  'quoted "name"',
  'back`tick',
  'back\\slash',
  'what?',
  'lockstep_page',
  'lockstep_records',
];

/** Those that a definition refuses for a table. */
export function isRefused(name: string): boolean {
  return /[?"\\`]/.test(name) || /^lockstep_(page|records)$/.test(name);
}
