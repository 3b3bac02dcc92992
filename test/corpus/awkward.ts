import type { ScalarField } from '../../model/field.ts';

/** A value as a literal of its database, and what must become of it. */
export interface Awkward {
  /** SQL that the source database takes for the value. */
  readonly literal: string;
  /** The canonical value; `refused` where there is none. */
  readonly is: string | boolean | null | { readonly refused: RegExp };
  /** SQL of the same value in the target database. Default: the canonical value, quoted. */
  readonly there?: string;
  /** Set where the source keeps another value, or another form of it, once the image is written back: declared loss. */
  readonly lossy?: true;
  /** Set where a program sees null, and so cannot write the value back. */
  readonly copied?: true;
  /** Set where Temporal takes no write of it, and the client must say so. */
  readonly unsent?: true;
  /** Set where one of the two servers alone takes the value, or keeps it so. */
  readonly only?: MysqlServer;
}

/** They speak one language, but for some types and for JSON. */
export type MysqlServer = 'MariaDB' | 'MySQL';

/** A column of the source database, its counterpart in the other one, and values that bite. */
export interface CorpusType {
  /** Of the column in both databases, and of the field. */
  readonly name: string;
  readonly source: string;
  readonly target: string;
  readonly field: ScalarField;
  /** SQL of a canonical value in the target database. Default: quoted. */
  readonly there?: (canonical: string | boolean) => string;
  readonly values: readonly Awkward[];
  /** Set where one of the two servers alone has such a column. */
  readonly only?: MysqlServer;
  /** Canonical values that the source column must refuse when a service writes them. */
  readonly unwritable?: readonly (string | boolean)[];
}

export function value(literal: string, is: string | boolean | null, there?: string): Awkward {
  return there === undefined ? { literal, is } : { literal, is, there };
}

/** Values whose canonical form is what stands between the quotes. */
export function plain(...texts: readonly string[]): Awkward[] {
  return texts.map((text) => ({ literal: quoted(text), is: text }));
}

export function lossy(literal: string, is: string | boolean | null, there?: string): Awkward {
  return { ...value(literal, is, there), lossy: true };
}

export function copied(literal: string, is: string): Awkward {
  return { ...value(literal, is), copied: true };
}

export function refused(literal: string, why: RegExp): Awkward {
  return { literal, is: { refused: why } };
}

export function only(server: MysqlServer, ...values: readonly Awkward[]): Awkward[] {
  return values.map((awkward) => ({ ...awkward, only: server }));
}

export function quoted(text: string | boolean): string {
  return `'${String(text).replaceAll("'", "''")}'`;
}
