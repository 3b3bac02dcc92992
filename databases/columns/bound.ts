import type { Image } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { StoreName } from '../../model/failure.ts';
import type { Scalar } from '../../model/scalar.ts';
import type { CatalogueColumn } from './catalogue.ts';

/** A column with the scalar that its values are held to. */
export interface BoundColumn extends CatalogueColumn {
  readonly scalar: Scalar;
}

export interface BoundTable {
  readonly name: string;
  readonly columns: readonly BoundColumn[];
  readonly identity: readonly BoundColumn[];
  /** For an owned table: the columns that hold the entity's key. Empty for a referenced one. */
  readonly key: readonly BoundColumn[];
  /** Whether one key has one row. */
  readonly single: boolean;
  /** Whether the identity is a unique index of its own and holds the key, so that an upsert can only meet own rows. */
  readonly upsertable: boolean;
  readonly reference: BoundReference | null;
  /** Columns that every insert has to name, and that none of ours does. */
  readonly unfilled: readonly string[];
}

/** Those that do not belong to the identity of a row. */
export function changingColumns({ columns, identity }: BoundTable): BoundColumn[] {
  return columns.filter((column) => !identity.some((part) => part.name === column.name));
}

interface BoundReference {
  readonly shared: string;
  readonly wins: 'latest' | 'first' | 'refuse';
  /** The table that points here: an owned one, or another referenced one. */
  readonly table: string;
  /** Pairs of referenced column and the column there. */
  readonly on: readonly (readonly [string, string])[];
}

/** An entity tied to the tables of one store. */
export interface BoundEntity {
  readonly entity: Entity;
  readonly store: StoreName;
  /** In writing order: referenced tables, then owned ones, parents first. */
  readonly tables: readonly BoundTable[];
  readonly owned: readonly BoundTable[];
  readonly referenced: readonly BoundTable[];
  /** The owned table whose rows say which keys there are. */
  readonly root: BoundTable;
  rowsOf(image: Image): TextRows;
  /** Throws `NotCanonical` with table and column where a row holds what no field can. */
  imageOf(rows: TextRows): Image;
  /**
   * What of a record's own rows is lost on the way through the shape's functions and back: names of tables and columns; null where
   * nothing is. Null itself where nothing can be, or the shape allows it.
   */
  readonly lossIn: ((rows: TextRows, image: Image) => string | null) | null;
  /** What a program sees of the rows of one key, as `imageOf` would give it; null where several tables hold an entity. */
  readonly programValue: ProgramValue | null;
}

/** A row in the order of its table's columns: no name of a column can stand in the way. */
export type Cells = readonly (string | null)[];

/** Throws as `BoundEntity.imageOf` does. */
export type ProgramValue = (rows: readonly Cells[]) => Record<string, unknown>;

export type TextRow = Readonly<Record<string, string | null>>;

export type TextRows = Readonly<Record<string, readonly TextRow[]>>;
