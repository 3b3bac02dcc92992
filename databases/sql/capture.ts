import { keyFromText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { Capture, Mark } from '../contract/capture.ts';
import { type Access, marks } from './context.ts';

export function captureIn(access: Access): Capture {
  const table = access.control('captured');

  async function captureStatements(entity: Entity, on: boolean): Promise<readonly string[]> {
    return access.engine.captureStatements(await access.bind(entity), on);
  }

  async function capture(entity: Entity, on: boolean): Promise<void> {
    const statements = await captureStatements(entity, on);
    await access.alone(async (session) => {
      for (const statement of statements) await session.query(statement);
    });
  }

  async function captured(limit: number): Promise<Mark[]> {
    const rows = await access.query(
      `SELECT id, entity, record_key FROM ${table} ORDER BY id LIMIT ${Math.floor(limit)}`,
    );
    return rows.map((row) => ({
      id: row.id ?? '',
      entity: row.entity ?? '',
      key: keyFromText(row.record_key ?? '[]'),
    }));
  }

  /** By id, so that a mark that came meanwhile stays. */
  async function forgetCaptured(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await access.query(`DELETE FROM ${table} WHERE id IN (${marks(ids)})`, ids);
  }

  return { captureStatements, capture, captured, forgetCaptured };
}
