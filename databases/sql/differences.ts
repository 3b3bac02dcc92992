import { createHash } from 'node:crypto';
import { compareText, type Key, keyFromText, keyText } from '../../model/canonical.ts';
import { keyLimitBytes } from '../../model/entity.ts';
import type {
  Difference,
  DifferenceGroup,
  DifferencePage,
  Differences,
  Verdict,
} from '../contract/comparison.ts';
import { verdicts } from '../contract/comparison.ts';
import { controlRowFault } from '../contract/control-row.ts';
import type { Session, TextCells } from '../engine/session.ts';
import { placeholders, type StoreContext } from './context.ts';

const maxReasonLength = 500;

/** Keys that differ, or that a store refused, with the reason. */
export function createDifferences(context: StoreContext): Differences {
  const table = context.control('differences');

  async function recordDifferences(migration: string, found: readonly Difference[]): Promise<void> {
    if (found.length === 0) return;
    await context.transaction((session) => putDifferences(context, session, migration, found));
  }

  async function differences(migration: string, limit: number): Promise<Difference[]> {
    const rows = await context.query(
      `SELECT entity, record_key, full_key, verdict, reason FROM ${table} WHERE migration = ?
       ORDER BY found_at, entity, record_key LIMIT ${Math.floor(limit)}`,
      [migration],
    );
    return rows.map(differenceOf);
  }

  async function unresolvedDifferences(
    migration: string,
    entity: string,
    { verdicts: wanted, after, limit, keys }: DifferencePage,
  ): Promise<Difference[]> {
    const rows = await context.query(
      `SELECT entity, record_key, full_key, verdict, reason FROM ${table}
       WHERE migration = ? AND entity = ? AND verdict IN (${placeholders(wanted)}) AND record_key > ?
       ${keys ? `AND record_key IN (${placeholders(keys)})` : ''} ORDER BY record_key LIMIT ${Math.floor(limit)}`,
      [
        migration,
        entity,
        ...wanted,
        after === null ? '' : indexedText(after),
        ...(keys ?? []).map(indexedKey),
      ],
    );
    return rows.map(differenceOf);
  }

  async function countDifferences(migration: string) {
    const rows = await context.query(
      `SELECT entity, verdict, COUNT(*) AS total FROM ${table} WHERE migration = ?
       GROUP BY entity, verdict ORDER BY entity, verdict`,
      [migration],
    );
    return rows.map((row) => ({
      entity: row.entity ?? '',
      verdict: verdictOf(row.verdict),
      count: Number(row.total),
    }));
  }

  async function groupedDifferences(
    migration: string,
    limits: { groups: number; keys: number },
  ): Promise<DifferenceGroup[]> {
    const groups = await context.query(
      `SELECT entity, verdict, reason, COUNT(*) AS total FROM ${table} WHERE migration = ?
       GROUP BY entity, verdict, reason ORDER BY COUNT(*) DESC, entity, verdict, reason LIMIT ${Math.floor(limits.groups)}`,
      [migration],
    );
    const found: DifferenceGroup[] = [];
    for (const { entity, verdict, reason, total } of groups) {
      const rows = await context.query(
        `SELECT record_key, full_key FROM ${table} WHERE migration = ? AND entity = ? AND verdict = ? AND reason = ?
         ORDER BY found_at, record_key LIMIT ${Math.floor(limits.keys)}`,
        [migration, entity ?? '', verdict ?? '', reason ?? ''],
      );
      found.push({
        entity: entity ?? '',
        verdict: verdictOf(verdict),
        reason: reasonOf({ verdict: verdict ?? null, reason: reason ?? null }),
        count: Number(total),
        keys: rows.map(keyOf),
      });
    }
    return found;
  }

  async function resolveDifferences(migration: string, entity: string, keys: readonly Key[]): Promise<void> {
    if (keys.length === 0) return;
    await context.query(
      `DELETE FROM ${table} WHERE migration = ? AND entity = ? AND record_key IN (${placeholders(keys)})`,
      [migration, entity, ...keys.map(indexedKey)],
    );
  }

  return {
    recordDifferences,
    differences,
    unresolvedDifferences,
    countDifferences,
    groupedDifferences,
    resolveDifferences,
  };
}

/** In a transaction, in key order, so that two of us do not lock each other out. */
export async function putDifferences(
  context: StoreContext,
  session: Session,
  migration: string,
  found: readonly Difference[],
): Promise<void> {
  const key = ['migration', 'entity', 'record_key'];
  const columns = [...key, 'full_key', 'verdict', 'reason'];
  const upsert = context.engine.dialect.upsert(context.control('differences'), columns, key);
  const rows = found
    .map((difference) => ({ ...difference, text: keyText(difference.key) }))
    .sort((left, right) => compareText(left.entity, right.entity) || compareText(left.text, right.text));
  for (const { entity, text, verdict, reason } of rows) {
    const indexed = indexedText(text);
    const full = indexed === text ? null : text;
    await session.query(upsert, [
      migration,
      entity,
      indexed,
      full,
      verdict,
      reason.slice(0, maxReasonLength),
    ]);
  }
}

/** A word that none of ours is says as little of its key as a row that nobody can read. */
function verdictOf(text: string | null | undefined): Verdict {
  return verdicts.find((verdict) => verdict === text) ?? 'unreadable';
}

function reasonOf({ verdict, reason }: TextCells): string {
  const known = verdicts.some((one) => one === verdict);
  return known ? (reason ?? '') : controlRowFault('differences', 'its verdict is none');
}

function keyOf(row: TextCells): Key {
  return keyFromText(row.full_key ?? row.record_key ?? '');
}

function differenceOf(row: TextCells): Difference {
  return {
    entity: row.entity ?? '',
    key: keyOf(row),
    verdict: verdictOf(row.verdict),
    reason: reasonOf(row),
  };
}

/** A key that is too long to be indexed is found by its digest. */
function indexedText(text: string): string {
  if (Buffer.byteLength(text) <= keyLimitBytes) return text;
  return `sha256:${createHash('sha256').update(text).digest('hex')}`;
}

function indexedKey(key: Key): string {
  return indexedText(keyText(key));
}
