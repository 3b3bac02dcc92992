import { type Key, keyText } from '../model/canonical.ts';
import { type BoundEntity, type BoundTable, keyFromCells, keyTexts } from './binding.ts';
import type { PlacedKey } from './bulk-engine.ts';
import type { CopyText } from './copy-text.ts';

/** The rows of a page that belong to one table, as the target's columns take them. */
export interface CopyPart {
  readonly table: BoundTable;
  readonly text: CopyText;
  /** The first row of each key, where a key may have none or several; null where each has one. */
  readonly firsts: readonly number[] | null;
}

/** Rows of some keys on their way from one store to the other. */
export interface CopyPage {
  readonly bound: BoundEntity;
  readonly keys: number;
  readonly bytes: number;
  /** In writing order. */
  readonly parts: readonly CopyPart[];
  keyAt(position: number): Key;
  /** To be called once, when nobody reads the page any more. */
  release(): void;
}

/** A page of a column map: row and key are one, and the key stands in the row. */
export function pageOfRows(bound: BoundEntity, text: CopyText): CopyPage {
  const { root } = bound;
  const places = root.key.map((column) => root.columns.findIndex(({ name }) => name === column.name));
  return {
    bound,
    keys: text.rows,
    bytes: text.length,
    parts: [{ table: root, text, firsts: null }],
    keyAt(position) {
      const cells = text.cells(position);
      return keyFromCells(
        bound,
        places.map((place) => cells[place] ?? null),
      );
    },
    release: () => text.release(),
  };
}

export function placed({ bound, keyAt }: CopyPage, position: number): PlacedKey {
  const key = keyAt(position);
  return { text: keyText(key), parts: keyTexts(bound, key) };
}

/** The bytes of some keys' rows; `positions` ascend. */
export function bytesOf(part: CopyPart, positions: readonly number[]): Buffer {
  if (part.table.reference) return distinctBytes(part, positions);
  const pieces: Buffer[] = [];
  for (let at = 0; at < positions.length; ) {
    const from = positions[at] ?? 0;
    let next = from + 1;
    for (at += 1; positions[at] === next; at++) next += 1;
    const piece = part.text.slice(firstRow(part, from), firstRow(part, next));
    if (piece.length > 0) pieces.push(piece);
  }
  const [only, ...rest] = pieces;
  return only && rest.length === 0 ? only : Buffer.concat(pieces);
}

/** Shared rows once for each identity: the first copy, as the guarded copy would take it. */
function distinctBytes(part: CopyPart, positions: readonly number[]): Buffer {
  const places = part.table.identity.map((column) =>
    part.table.columns.findIndex(({ name }) => name === column.name),
  );
  const seen = new Set<string>();
  const pieces: Buffer[] = [];
  for (const position of positions) {
    for (let row = firstRow(part, position); row < firstRow(part, position + 1); row++) {
      const cells = part.text.cells(row);
      const identity = JSON.stringify(places.map((place) => cells[place] ?? null));
      if (seen.has(identity)) continue;
      seen.add(identity);
      pieces.push(part.text.slice(row, row + 1));
    }
  }
  return Buffer.concat(pieces);
}

function firstRow({ text, firsts }: CopyPart, position: number): number {
  return firsts ? (firsts[position] ?? text.rows) : position;
}
