import type { Store } from '../../databases/contract/store.ts';

/**
 * A text that only the message of a single write has, for a proxy. MySQL's message names no statement: there it is the mode, with its
 * length before it.
 */
export function writeMessage(
  { engine }: Pick<Store, 'engine'>,
  entity: string,
  mode: 'primary' | 'secondary' = 'primary',
): string {
  if (engine === 'postgresql') return `write_${entity}`;
  return `${String.fromCharCode(mode.length)}${mode}`;
}
