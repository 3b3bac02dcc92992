import type { BoundTable } from '../columns/bound.ts';
import { type BulkEngine, LoadRefused, type ParentCheck } from '../engine/bulk-engine.ts';
import type { Session } from '../engine/session.ts';
import type { StoreContext } from '../sql/context.ts';
import { type BoundPage, bytesOf, type PagePart, placed } from './bound-page.ts';
import { withParents } from './missing-parents.ts';
import { PageKeys } from './page-keys.ts';
import type { ParentLink } from './parent-links.ts';
import { parentsOf } from './parents-of.ts';
import { isTransient, rejectionOf } from './rejection.ts';

/** What became of the rows of a page, by the positions of their keys. */
export interface Loaded {
  readonly loaded: readonly number[];
  /** Some of their rows was refused, or would have been kept as other than it is, or they would get rows that they have not. */
  readonly rejected: readonly number[];
  /** Some of their rows refers to a row that is not there. */
  readonly waiting: readonly number[];
  /** How many were left alone, because they have a row or a record. */
  readonly existing: number;
  /** Whether some had to wait for those that they refer to, or to come behind them. */
  readonly outOfOrder: boolean;
}

export interface LoadOptions {
  readonly checkExisting: boolean;
  readonly checkParents: boolean;
  readonly links: readonly ParentLink[];
  /** Whether rows wait for those that they refer to; else they are rejected. */
  readonly mayWait: boolean;
}

/**
 * Brings rows in by the engine's bulk load: all at once; then without those that are there, or that lack a parent; then by
 * halves, until those that are rejected are found.
 */
export async function loadRows(
  context: StoreContext,
  session: Session,
  page: BoundPage,
  positions: readonly number[],
  { checkExisting, checkParents, links, mayWait }: LoadOptions,
): Promise<Loaded> {
  const { bulk } = context.engine;
  const loaded: number[] = [];
  const rejected = await orphaned(bulk, session, page, positions);
  const waiting: number[] = [];
  let existing = 0;
  let outOfOrder = false;
  const sound = without(positions, rejected);
  const isChecked = checkExisting || (page.ascends && bulk.looksBetween);
  let first = isChecked ? await withoutExisting(sound) : sound;
  if (checkParents) first = await withParentsOnly(first);
  if (await tryLoad(context, session, page, first, links)) loaded.push(...first);
  else {
    // Once more: a live write may have come since.
    const absent = await withoutExisting(first);
    await loadByHalves(checkParents ? absent : await withParentsOnly(absent));
  }
  return { loaded, rejected, waiting, existing, outOfOrder };

  async function withoutExisting(some: readonly number[]): Promise<readonly number[]> {
    if (some.length === 0) return some;
    const present = new Set(await bulk.present(session, page.bound, new PageKeys(page, some)));
    existing += present.size;
    return present.size === 0 ? some : some.filter((_, index) => !present.has(index));
  }

  async function withParentsOnly(some: readonly number[]): Promise<readonly number[]> {
    if (links.length === 0 || some.length === 0) return some;
    const found = await withParents(context, session, page, some, links);
    outOfOrder = found.waiting.length > 0 || found.fit.some((position, at) => position !== some[at]);
    (mayWait ? waiting : rejected).push(...found.waiting);
    return found.fit;
  }

  async function loadByHalves(some: readonly number[]): Promise<void> {
    if (some.length === 0) return;
    if (await tryLoad(context, session, page, some, links)) {
      loaded.push(...some);
    } else if (some.length === 1) {
      rejected.push(...some);
    } else {
      const middle = Math.ceil(some.length / 2);
      await loadByHalves(some.slice(0, middle));
      await loadByHalves(some.slice(middle));
    }
  }
}

/** Mostly nothing is left out, and pages have tens of thousands of keys. */
function without(positions: readonly number[], some: readonly number[]): readonly number[] {
  const left = new Set(some);
  return left.size === 0 ? positions : positions.filter((one) => !left.has(one));
}

/** Those with rows that no record has, since the first table has none: a record that is copied would take them for its own. */
async function orphaned(
  bulk: BulkEngine,
  session: Session,
  page: BoundPage,
  some: readonly number[],
): Promise<number[]> {
  const { bound } = page;
  const others = bound.owned.filter((table) => table !== bound.root);
  // Most entities have one table, and pages tens of thousands of keys.
  if (others.length === 0 || some.length === 0) return [];
  const keys = some.map((position) => placed(page, position));
  const inTable = (table: BoundTable) => bulk.inTable(session, bound, table, keys);
  const found = new Set<number>();
  for (const table of others) for (const at of await inTable(table)) found.add(at);
  if (found.size > 0) for (const at of await inTable(bound.root)) found.delete(at);
  return some.filter((_, index) => found.has(index));
}

/** What is to be locked once all parts of a page are in. */
interface OwedCheck {
  readonly check: ParentCheck;
  readonly parents: readonly (readonly string[])[];
}

async function loadPart(
  bulk: BulkEngine,
  session: Session,
  part: PagePart,
  positions: readonly number[],
  links: readonly ParentLink[],
): Promise<readonly OwedCheck[]> {
  const { table } = part;
  const rows = bytesOf(part, positions);
  if (rows.length === 0) return [];
  const refers = !table.reference && links.some((link) => link.table === table);
  const checks = refers ? await bulk.parentChecks(session, table) : null;
  const owed = (checks ?? []).map(async (check) => ({
    check,
    parents: await parentsOf(part, positions, check),
  }));
  const how = checks ? 'unchecked' : table.reference ? 'absent' : 'new';
  const [found] = await Promise.all([Promise.all(owed), bulk.copyIn(session, table, rows, how)]);
  return found;
}

/** False where some row is rejected; nothing of them is in then. */
async function tryLoad(
  context: StoreContext,
  session: Session,
  page: BoundPage,
  positions: readonly number[],
  links: readonly ParentLink[],
): Promise<boolean> {
  if (positions.length === 0) return true;
  const { bulk, dialect } = context.engine;
  const { constraints } = dialect;
  await session.query('SAVEPOINT lockstep_load');
  try {
    if (constraints) await session.query(constraints.defer);
    const owed: OwedCheck[] = [];
    for (const part of page.parts) owed.push(...(await loadPart(bulk, session, part, positions, links)));
    for (const { check, parents } of owed)
      if (parents.length > 0 && !(await check.lockAll(parents)))
        throw new LoadRefused('a parent is not there');
    // What a constraint puts off until the commit would end the whole chunk then, and nobody would know whose row it was.
    if (constraints) await session.query(constraints.check);
    await session.query('RELEASE SAVEPOINT lockstep_load');
    return true;
  } catch (error) {
    if (isTransient(context, error)) throw error;
    if (!(error instanceof LoadRefused)) rejectionOf(context, error);
    await session.query('ROLLBACK TO SAVEPOINT lockstep_load');
    return false;
  }
}
