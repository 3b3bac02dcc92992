import { LockstepError, type StoreName } from '../../model/failure.ts';

/** What is said of a row of a control table that is none of Lockstep's: where it stands and what is wrong with it, never what it holds. */
export function controlRowFault(table: string, fault: string): string {
  return `a row of the control table ${table} is not as Lockstep writes it: ${fault}`;
}

export function invalidControlRow(
  fault: string,
  store?: StoreName,
  remedy = 'see who has written the row, and correct or delete it',
): LockstepError {
  const at = store === undefined ? '' : `the ${store} store: `;
  return new LockstepError('InvalidControlRow', `${at}${fault}; ${remedy}`, {
    ...(store === undefined ? {} : { store }),
    reason: fault,
    remedy,
  });
}

/** The parser's own message quotes the text. */
export function parsedOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
