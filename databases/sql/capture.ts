import { keyFromText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { Capture, Mark } from '../contract/capture.ts';
import { placeholders, type StoreContext } from './context.ts';

export function createCapture(context: StoreContext): Capture {
  const table = context.control('captured');

  async function captureStatements(entity: Entity, on: boolean): Promise<readonly string[]> {
    return context.engine.captureStatements(await context.bind(entity), on);
  }

  async function capture(entity: Entity, on: boolean): Promise<void> {
    const statements = await captureStatements(entity, on);
    await context.alone(async (session) => {
      for (const statement of statements) await session.query(statement);
    });
  }

  async function isCapturing(): Promise<boolean> {
    const triggers = (await context.query(context.engine.dialect.triggers)).map(({ name }) => name ?? '');
    return context.migration.entities.some(({ name }) =>
      triggers.some((trigger) => trigger.startsWith(`lockstep_capture_${name}`)),
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

  return { captureStatements, capture, isCapturing, captured, deleteCaptured };
}
