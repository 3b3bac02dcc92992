import { NotCanonical } from '../../model/not-canonical.ts';
import type { CatalogueColumn } from './catalogue.ts';

/** Whether values of a column are given in another form than they are stored in, which may be longer. */
export function mayBeTooLong({ natural }: Pick<CatalogueColumn, 'natural'>): boolean {
  return natural?.kind === 'bytes' || natural?.kind === 'json';
}

/**
 * Throws `NotCanonical` for what a server gives in place of a value that it holds, and cannot give in the form that is asked for. It
 * begins with a NUL, which no such form does.
 */
export function assertGiven(text: string): void {
  if (text.charCodeAt(0) === 0) throw cannotBeGiven();
}

export function cannotBeGiven(): NotCanonical {
  return new NotCanonical(
    'holds a value that the server cannot give as text, because that is longer than max_allowed_packet; raise it to more than twice the size of the value',
  );
}
