import { compareText } from '../../model/canonical.ts';
import type { BoundEntity } from '../columns/bound.ts';
import type { PlacedKey, Session } from '../engine/session.ts';
import type { StoreContext } from '../sql/context.ts';
import { type BoundPage, placed } from './bound-page.ts';
import { PageKeys } from './page-keys.ts';

/** What keeps a page, in one transaction, from overwriting or bringing back what a live write or delete has touched. */
export interface CopyGuard {
  /** Before the rows: the positions that may come in. */
  before(session: Session, page: BoundPage, positions: readonly number[]): Promise<readonly number[]>;
  /** After the rows: the positions that must go again. From here to the commit nobody can miss them. */
  after(session: Session, page: BoundPage, positions: readonly number[]): Promise<readonly number[]>;
}

/**
 * One row a key in each table: a live write of the same key waits at the first unique index until the page is committed,
 * and wins then. Only a delete could miss a row that is not committed yet; see `BulkEngine.recordedMeanwhile`.
 * Several rows a key: its record is locked, as the write routine does, because a live write could miss some of them.
 */
export function createCopyGuard({ engine }: StoreContext, bound: BoundEntity): CopyGuard {
  const { name } = bound.entity;
  if (bound.owned.every(({ single, upsertable }) => single && upsertable)) {
    return {
      before: async (_session, _page, positions) => positions,
      async after(session, page, positions) {
        const keys = new PageKeys(page, positions);
        return pick(positions, await engine.bulk.recordedMeanwhile(session, name, keys));
      },
    };
  }
  const inLockOrder = (page: BoundPage, positions: readonly number[]) =>
    positions
      .map((position) => ({ position, key: placed(page, position) }))
      .sort((left, right) => compareText(left.key.text, right.key.text));
  let locked: readonly PlacedKey[] = [];
  return {
    async before(session, page, positions) {
      const sorted = inLockOrder(page, positions);
      locked = sorted.map(({ key }) => key);
      const recorded = new Set(await engine.bulk.lockRecords(session, name, locked));
      const recordedPositions = new Set(
        sorted.filter((_, index) => recorded.has(index)).map(({ position }) => position),
      );
      return positions.filter((position) => !recordedPositions.has(position));
    },
    async after(session) {
      await engine.bulk.releaseRecords(session, name, locked);
      return [];
    },
  };
}

function pick(positions: readonly number[], indexes: readonly number[]): number[] {
  return indexes.flatMap((index) => positions[index] ?? []);
}
