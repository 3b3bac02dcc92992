import type { LegacyConnection, ModernConnection } from './connections.ts';
import { legacyLines, modernLines, type PlainLine } from './lines.ts';

export interface Comparison {
  /** Lines that are in either store. Each counts in exactly one of the numbers below. */
  rows: number;
  /** Those that are in modern. */
  modernRows: number;
  equal: number;
  /** Equal but for a product's name, where legacy itself has had several and modern holds one of them. */
  ambiguous: number;
  /** Unequal because their order was written after legacy had stopped receiving writes. The audit checks these. */
  sinceLegacyStopped: number;
  differences: number;
  /** Row ids and column names of the differences, never what the columns hold. */
  different: readonly { rowId: string; columns: readonly string[] }[];
  onlyLegacy: readonly string[];
  onlyModern: readonly string[];
}

/** Names by product id. */
export type ProductNames = ReadonlyMap<string, ReadonlySet<string>>;

interface Expected {
  /** What `productNames` gave before the migration: the last line with a name may be gone by now. */
  namesBefore: ProductNames;
  writtenSinceLegacyStopped?: ReadonlySet<string>;
}

/** Compares both stores line by line, by plain SQL and not through Lockstep. */
export async function compare(
  legacy: LegacyConnection,
  modern: ModernConnection,
  { namesBefore, writtenSinceLegacyStopped = new Set() }: Expected,
): Promise<Comparison> {
  const left = byRowId(await legacyLines(legacy));
  const right = byRowId(await modernLines(modern));
  const names = [namesBefore, namesIn(left.values())];
  const isOneOfSeveral = (id: string, name: string) => {
    const known = new Set(names.flatMap((found) => [...(found.get(id) ?? [])]));
    return known.size > 1 && known.has(name);
  };

  const rowIds = new Set([...left.keys(), ...right.keys()]);
  const different: { rowId: string; columns: string[] }[] = [];
  const onlyLegacy: string[] = [];
  const onlyModern: string[] = [];
  let equal = 0;
  let ambiguous = 0;
  let sinceLegacyStopped = 0;
  for (const rowId of rowIds) {
    const old = left.get(rowId);
    const line = right.get(rowId);
    const columns = unequalColumns(old, line);
    const isRenamed = columns.length === 1 && columns[0] === 'product_name';
    if (columns.length === 0) equal++;
    else if (isRenamed && isOneOfSeveral(cell(line, 'product_id'), cell(line, 'product_name'))) ambiguous++;
    else if (writtenSinceLegacyStopped.has(cell(line ?? old, 'order_id'))) sinceLegacyStopped++;
    else if (!line) onlyLegacy.push(rowId);
    else if (!old) onlyModern.push(rowId);
    else different.push({ rowId, columns });
  }
  return {
    rows: rowIds.size,
    modernRows: right.size,
    equal,
    ambiguous,
    sinceLegacyStopped,
    differences: different.length + onlyLegacy.length + onlyModern.length,
    different,
    onlyLegacy,
    onlyModern,
  };
}

/** All names that the legacy table has for each product. */
export async function productNames(legacy: LegacyConnection): Promise<ProductNames> {
  return namesIn(await legacyLines(legacy));
}

function namesIn(lines: Iterable<PlainLine>): ProductNames {
  const names = new Map<string, Set<string>>();
  for (const line of lines) {
    const id = cell(line, 'product_id');
    names.set(id, (names.get(id) ?? new Set()).add(cell(line, 'product_name')));
  }
  return names;
}

function byRowId(lines: readonly PlainLine[]): Map<string, PlainLine> {
  return new Map(lines.map((line) => [cell(line, 'row_id'), line]));
}

function unequalColumns(old: PlainLine | undefined, line: PlainLine | undefined): string[] {
  const columns = [...(old ?? line ?? [])].map(([column]) => column);
  return columns.filter((column) => old?.get(column) !== line?.get(column));
}

function cell(line: PlainLine | undefined, column: string): string {
  return line?.get(column) ?? '';
}
