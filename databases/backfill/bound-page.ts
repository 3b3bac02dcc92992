import { type Key, keyText } from '../../model/canonical.ts';
import type { BoundColumn, BoundEntity, BoundTable } from '../columns/bound.ts';
import { isUsableKey, keyFault } from '../columns/key-fault.ts';
import { keyFromCells, keyTexts } from '../columns/key-text.ts';
import type { CopyPage } from '../contract/backfill.ts';
import type { CopyText } from '../copy-format/copy-text.ts';
import type { PlacedKey } from '../engine/session.ts';

/** The rows of a page that belong to one table, as the target's columns take them. */
export interface PagePart {
  readonly table: BoundTable;
  readonly text: CopyText;
  /** The first row of each key, where a key may have none or several; null where each has one. */
  readonly firsts: readonly number[] | null;
}

/** A page with what it is made of: rows of the target's tables, in writing order. */
export class BoundPage implements CopyPage {
  readonly bound: BoundEntity;
  readonly parts: readonly PagePart[];
  readonly keys: number;
  readonly keyAt: (position: number) => Key;
  /** Whether it is known of all of them that the target can use them. */
  readonly hasUsableKeys: boolean;
  /** Whether they are whole numbers, in their order. */
  readonly ascends: boolean;

  constructor(
    bound: BoundEntity,
    parts: readonly PagePart[],
    keys: number,
    keyAt: (position: number) => Key,
    { hasUsableKeys, ascends }: { readonly hasUsableKeys: boolean; readonly ascends: boolean },
  ) {
    this.bound = bound;
    this.parts = parts;
    this.keys = keys;
    this.keyAt = keyAt;
    this.hasUsableKeys = hasUsableKeys;
    this.ascends = ascends;
  }

  /** Positions of keys that nothing can be done with in the target. */
  unusable(): readonly number[] {
    if (this.hasUsableKeys) return [];
    const positions = Array.from({ length: this.keys }, (_, position) => position);
    return positions.filter((position) => keyFault(this.bound, this.keyAt(position)) !== null);
  }

  get bytes(): number {
    return this.parts.reduce((sum, { text }) => sum + text.length, 0);
  }

  release(): void {
    for (const { text } of this.parts) text.release();
  }
}

/** A page is loaded by the kind of store that it was made for. */
export function boundPage(page: CopyPage): BoundPage {
  if (page instanceof BoundPage) return page;
  throw new TypeError('a page was not made by a store');
}

/** A page of a column map: row and key are one, and the key stands in the row. */
export function pageOfRows(
  source: BoundEntity,
  bound: BoundEntity,
  text: CopyText,
  prefixOf: (column: string) => string,
): BoundPage {
  const { root } = bound;
  const places = root.key.map(({ name }) => root.columns.findIndex((column) => column.name === name));
  const prefixes = root.key.map(({ name }) => prefixOf(name).length);
  const keyAt = (position: number) =>
    keyFromCells(
      bound,
      text.cells(position, places).map((cell, at) => cell?.slice(prefixes[at]) ?? null),
    );
  return new BoundPage(bound, [{ table: root, text, firsts: null }], text.rows, keyAt, {
    hasUsableKeys: isUsableKey(source.root.key, root.key),
    ascends: [source, bound].every(({ root: { key } }) => key.length === 1 && key.every(isWholeNumber)),
  });
}

/** Whether the store orders its values as numbers, and their texts are those of the canonical values. */
function isWholeNumber({ natural, scalar, rule }: BoundColumn): boolean {
  const isWhole = (kind: string | undefined) => kind === 'integer' || kind === 'bigint';
  const hasSubstitutes = 'substitutes' in scalar && scalar.substitutes;
  return isWhole(natural?.kind) && isWhole(scalar.kind) && !rule.own && !hasSubstitutes;
}

export function placed(page: BoundPage, position: number): PlacedKey {
  const key = page.keyAt(position);
  return { text: keyText(key), parts: keyTexts(page.bound, key) };
}

/** The bytes of some keys' rows; `positions` ascend. */
export function bytesOf(part: PagePart, positions: readonly number[]): Buffer {
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
function distinctBytes(part: PagePart, positions: readonly number[]): Buffer {
  const places = part.table.identity.map((column) =>
    part.table.columns.findIndex(({ name }) => name === column.name),
  );
  const seen = new Set<string>();
  const pieces: Buffer[] = [];
  for (const position of positions) {
    for (let row = firstRow(part, position); row < firstRow(part, position + 1); row++) {
      const identity = JSON.stringify(part.text.cells(row, places));
      if (seen.has(identity)) continue;
      seen.add(identity);
      pieces.push(part.text.slice(row, row + 1));
    }
  }
  return Buffer.concat(pieces);
}

export function firstRow({ text, firsts }: PagePart, position: number): number {
  return firsts ? (firsts[position] ?? text.rows) : position;
}
