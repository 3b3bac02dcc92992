import { NotCanonical } from '../../model/not-canonical.ts';
import { toCanonical } from '../../model/scalar.ts';
import type { CatalogueColumn } from './catalogue.ts';

/** The labels of a SET, which has commas between them, or of a JSON list, which every other column holds. */
export function setOfText({ limits }: CatalogueColumn, text: string): string | boolean {
  if (!limits.members) return toCanonical({ kind: 'set' }, listOf(text));
  return toCanonical({ kind: 'set' }, text === '' ? [] : text.split(','));
}

/** How a column keeps a list of labels; in a SET its own order comes back, so it is written in that. */
export function labelsText({ declared, limits }: CatalogueColumn, value: string): string {
  const labels = listOf(value);
  const { members } = limits;
  if (members) {
    if (!labels.every((label) => members.includes(label)))
      throw new NotCanonical(`holds a label that is not among those of the column; add it to ${declared}`);
    return members.filter((label) => labels.includes(label)).join(',');
  }
  return value;
}

function listOf(text: string): string[] {
  const found: unknown = parsed(text);
  if (Array.isArray(found) && found.every((label) => typeof label === 'string')) return found;
  throw new NotCanonical('is no list of labels');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
