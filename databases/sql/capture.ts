import { keyFromText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import { LockstepError } from '../../model/failure.ts';
import type { Capture, Mark } from '../contract/capture.ts';
import { ownedTables, placeholders, type StoreContext } from './context.ts';

export function createCapture(context: StoreContext): Capture {
  const table = context.control('captured');

  async function captureStatements(entity: Entity, on: boolean): Promise<readonly string[]> {
    return context.engine.captureStatements(await context.bind(entity), on);
  }

  async function capture(entity: Entity, on: boolean): Promise<void> {
    const statements = await captureStatements(entity, on);
    const reason = on ? await captureUnavailableReason() : null;
    if (reason !== null) {
      throw new LockstepError(
        'StoreRefused',
        `triggers at the ${context.name} store (${context.engine.address}) were not made: ${reason}`,
        { store: context.name, about: 'grants', reason },
      );
    }
    await context.alone(async (session) => {
      for (const statement of statements) await session.query(statement);
    });
  }

  /** Triggers run as the account that makes them, whoever writes: without the right to leave a mark, every such write is refused. */
  async function captureUnavailableReason(): Promise<string | null> {
    const refused = await context.translateErrors(() => context.engine.triggersRefusedReason());
    if (refused !== null) return refused;
    for (const entity of context.migration.entities) {
      const tables = ownedTables(entity, context.name);
      const silent = await context.translateErrors(() => context.engine.silentChangeReason(tables));
      if (silent !== null) return silent;
    }
    try {
      await context.query(
        `INSERT INTO ${table} (entity, record_key) SELECT p.e, p.k FROM (SELECT '' AS e, '' AS k) p WHERE 1 = 0`,
      );
      return null;
    } catch (error) {
      if (!(error instanceof LockstepError) || error.details?.about !== 'grants') throw error;
      return `the account that prepares may not INSERT into ${table}, and triggers run as it: every write of the application would fail; GRANT INSERT ON ${table} to it`;
    }
  }

  const triggerAccounts = () => context.translateErrors(() => context.engine.triggerAccounts());

  const captureGap = () =>
    context.translateErrors(() =>
      context.engine.captureGap([
        ...new Set(context.migration.entities.flatMap((entity) => ownedTables(entity, context.name))),
      ]),
    );

  async function isCapturing(): Promise<boolean> {
    const { dialect } = context.engine;
    const triggers = (await context.query(dialect.triggers)).map(({ name }) => name ?? '');
    return context.migration.entities.some(({ name }) =>
      triggers.some((trigger) => dialect.isCaptureTrigger(trigger, name)),
    );
  }

  async function captured(limit: number): Promise<Mark[]> {
    const rows = await context.query(
      `SELECT id, entity, record_key FROM ${table} ORDER BY id LIMIT ${Math.floor(limit)}`,
    );
    return rows.map((row) => ({
      id: row.id ?? '',
      entity: row.entity ?? '',
      key: keyFromText(row.record_key ?? '[]'),
    }));
  }

  /** By id, so that a mark that came meanwhile stays. */
  async function deleteCaptured(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await context.query(`DELETE FROM ${table} WHERE id IN (${placeholders(ids)})`, ids);
  }

  return {
    captureStatements,
    capture,
    captureUnavailableReason,
    triggerAccounts,
    captureGap,
    isCapturing,
    captured,
    deleteCaptured,
  };
}
