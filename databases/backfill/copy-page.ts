import { keyText } from '../../model/canonical.ts';
import { type BoundEntity, keyFromCells, keyTexts } from '../columns/mapping.ts';
import type { CopyPage, CopyPart } from '../contract/backfill.ts';
import type { CopyText } from '../copy-format/copy-text.ts';
import type { PlacedKey } from '../engine/session.ts';

/** A page of a column map: row and key are one, and the key stands in the row. */
export function pageOfRows(
  bound: BoundEntity,
  text: CopyText,
  prefixOf: (column: string) => string,
): CopyPage {
  const { root } = bound;
  const places = root.key.map(({ name }) => ({
    at: root.columns.findIndex((column) => column.name === name),
    prefix: prefixOf(name).length,
  }));
  return {
    bound,
    keys: text.rows,
    bytes: text.length,
    parts: [{ table: root, text, firsts: null }],
    keyAt(position) {
      const cells = text.cells(position);
      return keyFromCells(
        bound,
        places.map(({ at, prefix }) => cells[at]?.slice(prefix) ?? null),
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
