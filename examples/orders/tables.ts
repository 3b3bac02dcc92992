import { readFileSync } from 'node:fs';
import type { LegacyConnection, ModernConnection } from './connections.ts';

export async function createTables(legacy: LegacyConnection, modern: ModernConnection): Promise<void> {
  await Promise.all([legacy.query(statements('legacy.sql')), modern.query(statements('modern.sql'))]);
}

function statements(file: string): string {
  return readFileSync(new URL(file, import.meta.url), 'utf8');
}
