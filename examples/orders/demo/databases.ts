import type { Servers } from '../../../deploy/dev/servers.ts';
import { openLegacy, openModern } from '../connections.ts';

const name = 'lockstep_demo';

export interface DemoDatabases {
  legacyUrl: string;
  modernUrl: string;
}

/** The demo's own databases, empty: those of an earlier run are dropped. */
export async function freshDatabases(servers: Pick<Servers, 'mysql' | 'postgresql'>): Promise<DemoDatabases> {
  await dropDatabases(servers);
  await onLegacy(servers.mysql.url, [`CREATE DATABASE ${name} CHARACTER SET utf8mb4`]);
  await onModern(servers.postgresql.url, [`CREATE DATABASE ${name}`]);
  return { legacyUrl: within(servers.mysql.url), modernUrl: within(servers.postgresql.url) };
}

export async function dropDatabases(servers: Pick<Servers, 'mysql' | 'postgresql'>): Promise<void> {
  await onLegacy(servers.mysql.url, [`DROP DATABASE IF EXISTS ${name}`]);
  await onModern(servers.postgresql.url, [`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`]);
}

function within(url: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}

async function onLegacy(url: string, statements: readonly string[]): Promise<void> {
  const connection = await openLegacy(url);
  try {
    for (const statement of statements) await connection.query(statement);
  } finally {
    await connection.end();
  }
}

async function onModern(url: string, statements: readonly string[]): Promise<void> {
  const client = await openModern(url);
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}
