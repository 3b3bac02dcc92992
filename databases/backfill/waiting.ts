import { type Key, keyFromText, keyText } from '../../model/canonical.ts';
import type { Chunk, WaitingList, WaitingPage } from '../contract/backfill.ts';
import type { Session, TextCells } from '../engine/session.ts';
import type { StoreContext } from '../sql/context.ts';
import { invalidCheckpoint, isKey } from './checkpoint-faults.ts';

/** What a page has added to the counts of its range. */
interface PageCounts {
  readonly copied: number;
  readonly skipped: number;
  readonly refused: number;
  readonly waiting: number;
}

/** Pages with rows whose parents are not there yet: noted with the checkpoint, and read again in rounds. */
export function createWaiting(context: StoreContext) {
  async function waitingPages(
    migration: string,
    entity: string,
    { backwards, after, limit }: WaitingList,
  ): Promise<WaitingPage[]> {
    const operator = backwards ? '<' : '>';
    const order = backwards ? 'DESC' : 'ASC';
    const beyond = after ? `AND (range_no ${operator} ? OR (range_no = ? AND page_no ${operator} ?))` : '';
    const rows = await context.query(
      `SELECT entity, range_no, page_no, lower_key, upper_key, waiting, refused FROM ${context.control('waiting')}
       WHERE migration = ? AND entity = ? ${beyond} ORDER BY range_no ${order}, page_no ${order} LIMIT ${Math.floor(limit)}`,
      [migration, entity, ...(after ? [after.range, after.range, after.page] : [])],
    );
    return rows.map((row) => {
      const isSound = [row.lower_key, row.upper_key].every((text) => !text || isKey(text));
      if (isSound && Number(row.waiting) > 0 && Number(row.refused) >= 0) return pageOf(row);
      const fault = `page ${row.page_no} of range ${row.range_no} has a bound that is no key, or a count that is none`;
      throw invalidCheckpoint('waiting', entity, fault, context.name);
    });
  }

  return { waitingPages };
}

/** Notes a page of a range, in the transaction that moves the range past it. */
export async function putWaiting(
  context: StoreContext,
  session: Session,
  migration: string,
  { entity, range }: Pick<Chunk, 'entity' | 'range'>,
  bounds: { readonly lower: Key | null; readonly upper: Key | null },
  { waiting, refused }: Pick<PageCounts, 'waiting' | 'refused'>,
): Promise<void> {
  if (waiting === 0) return;
  const table = context.control('waiting');
  const [row] = await session.query(
    `SELECT COALESCE(MAX(page_no), 0) + 1 AS next FROM ${table} WHERE migration = ? AND entity = ? AND range_no = ?`,
    [migration, entity, range],
  );
  await session.query(
    `INSERT INTO ${table} (migration, entity, range_no, page_no, lower_key, upper_key, waiting, refused)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      migration,
      entity,
      range,
      Number(row?.next ?? 1),
      bounds.lower && keyText(bounds.lower),
      bounds.upper && keyText(bounds.upper),
      waiting,
      refused,
    ],
  );
}

/** Locks a waiting page. False where another attempt has been there. */
export async function waitingUnchanged(
  context: StoreContext,
  session: Session,
  migration: string,
  { entity, range, page, waiting }: WaitingPage,
): Promise<boolean> {
  const [row] = await session.query(
    `SELECT waiting FROM ${context.control('waiting')}
     WHERE migration = ? AND entity = ? AND range_no = ? AND page_no = ? FOR UPDATE`,
    [migration, entity, range, page],
  );
  return row !== undefined && Number(row.waiting) === waiting;
}

/**
 * What a waiting page has come to. Keys that left the source, or came in by a live write, wait no more either. Where not all of it was
 * read, the rest is a page of its own from now on.
 */
export async function settleWaiting(
  context: StoreContext,
  session: Session,
  migration: string,
  of: WaitingPage,
  next: Pick<Chunk, 'cursor' | 'done'>,
  found: Omit<PageCounts, 'skipped'>,
): Promise<PageCounts> {
  // What was refused at an earlier reading is refused again, and counted already.
  const refused = Math.max(0, found.refused - of.refused);
  const others = Math.max(0, of.waiting - found.copied - refused - found.waiting);
  // It is unknown which of them lie in the rest. A page has some, until it was read.
  const rest = next.done
    ? null
    : { waiting: Math.max(1, others), refused: of.refused + refused - found.refused };
  const skipped = rest ? 0 : others;
  // First, so that its number is none that a list has passed.
  if (rest) await putWaiting(context, session, migration, of, { lower: next.cursor, upper: of.upper }, rest);
  await replaceWaiting(context, session, migration, rest ? { ...of, upper: next.cursor } : of, found);
  await session.query(
    `UPDATE ${context.control('chunks')} SET copied = copied + ?, skipped = skipped + ?, refused = refused + ?,
       updated_at = ${context.engine.dialect.now} WHERE migration = ? AND entity = ? AND range_no = ?`,
    [found.copied, skipped, refused, migration, of.entity, of.range],
  );
  return { ...found, waiting: found.waiting + (rest?.waiting ?? 0), skipped, refused };
}

async function replaceWaiting(
  context: StoreContext,
  session: Session,
  migration: string,
  { entity, range, page, upper }: WaitingPage,
  { waiting, refused }: Pick<PageCounts, 'waiting' | 'refused'>,
): Promise<void> {
  const table = context.control('waiting');
  const where = 'WHERE migration = ? AND entity = ? AND range_no = ? AND page_no = ?';
  const place = [migration, entity, range, page];
  if (waiting === 0) await session.query(`DELETE FROM ${table} ${where}`, place);
  else
    await session.query(`UPDATE ${table} SET upper_key = ?, waiting = ?, refused = ? ${where}`, [
      upper && keyText(upper),
      waiting,
      refused,
      ...place,
    ]);
}

function pageOf(row: TextCells): WaitingPage {
  return {
    entity: row.entity ?? '',
    range: Number(row.range_no),
    page: Number(row.page_no),
    lower: row.lower_key ? keyFromText(row.lower_key) : null,
    upper: row.upper_key ? keyFromText(row.upper_key) : null,
    waiting: Number(row.waiting),
    refused: Number(row.refused),
  };
}
