import type { Scalar, ScalarKind } from '../../model/scalar.ts';
import type { SpecialValue } from '../../model/special-values.ts';
import type { TypeRule } from './types.ts';

/** A column as the catalogue describes it. */
export interface CatalogueColumn {
  readonly name: string;
  /** The engine's own name of the type, for messages and casts. */
  readonly declared: string;
  readonly rule: TypeRule;
  readonly nullable: boolean;
  readonly generated: boolean;
  /** What the column naturally holds; null where the type is refused. */
  readonly natural: Scalar | null;
  /** Set for 32-bit floats. */
  readonly single: boolean;
  readonly limits: ColumnLimits;
  /** The column's own texts of values that the other database has not. */
  readonly specialValues: readonly (readonly [SpecialValue, string])[];
  /** SQL that gives the value as text, from a reference to the column. */
  readonly read: (reference: string) => string;
  /** SQL that gives a value to store, from an expression that is text. */
  readonly write: (text: string) => string;
  /** SQL that gives a value to compare the column with, so that an index serves. */
  readonly compare: (text: string) => string;
  /** The operator that tells whether two of its values are equal: the server's own, whatever another account may have made. */
  readonly equal: string;
  /** `write` and `compare` for a text field, where those of other fields differ; null elsewhere. */
  readonly asText: {
    readonly write: (text: string) => string;
    readonly compare: (text: string) => string;
  } | null;
  /** SQL for the bytes of a text, where the column's collation takes texts of different bytes for equal; null elsewhere. */
  readonly bytes: ((text: string) => string) | null;
  /** As `bytes`, where the texts are UUIDs, which are the same in either case. */
  readonly uuidBytes: ((text: string) => string) | null;
  /** Whether values of texts and UUIDs sort as their bytes do. */
  readonly sortsByBytes: boolean;
  /**
   * SQL for the text of the value's canonical form, the same at every engine, so that databases can be compared without
   * sending rows; null where only the worker can give it. What a field cannot hold gives a text that none of its values has.
   */
  readonly canonical: (reference: string, scalar: Scalar) => string | null;
  /** As `canonical`, in a form that costs the databases less, for fields that have one; null for others. */
  readonly compact: (reference: string, scalar: Scalar) => string | null;
}

/** What the database would otherwise change in silence. */
export interface ColumnLimits {
  /** CHAR(n) drops blanks at the end, VARCHAR(n) those beyond n. */
  readonly characters?: number;
  readonly padded?: boolean;
  /** Whether letters that differ in case alone are different to the column. */
  readonly cased?: boolean;
  /** BINARY(n) fills up with zeros. */
  readonly octets?: number;
  /** A text type that is bounded in bytes, where it keeps texts as UTF-8. */
  readonly utf8Bytes?: number;
  /** The values of an ENUM; others may be taken for a position in the list. */
  readonly labels?: readonly string[];
  /** The labels of a SET, which gives them back in this order. */
  readonly members?: readonly string[];
  /** YEAR takes 0…99 for years of our time. */
  readonly year?: boolean;
  /** FLOAT(m,d) rounds to d digits after the point. */
  readonly decimals?: number;
  /** GENERATED ALWAYS AS IDENTITY takes a value when a row is inserted, and never after. */
  readonly inserted?: boolean;
  /** interval(p) rounds to p digits after the second. */
  readonly fraction?: number;
  /** PostgreSQL keeps no NUL characters. */
  readonly noNul?: boolean;
  /** What a list's elements are held to. */
  readonly elements?: {
    readonly kind: ScalarKind;
    readonly scale: number | null;
    readonly characters: number | null;
  };
  /** MySQL keeps numbers within JSON as 64-bit integers or doubles. */
  readonly jsonDoubles?: boolean;
  /** hstore holds strings and nulls by name. */
  readonly strings?: boolean;
  /** Whether a text is in the form in which the engine gives the value back. */
  readonly isCanonicalText?: (text: string) => boolean;
}
