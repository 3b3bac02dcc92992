import { existsSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import type { DevServer } from '../deploy/dev/contract.ts';
import { mysql } from '../deploy/dev/mysql.ts';
import { startServer, status, stopServer, up } from '../deploy/dev/servers.ts';
import { ownServer } from '../proofs/support/own-server.ts';
import { servers } from './support/servers.ts';

test('servers that run are found, not started again', async () => {
  const lines: string[] = [];
  expect(await up({ report: (line) => lines.push(line) })).toEqual(servers());
  expect(lines.filter((line) => line.includes('is up'))).toEqual([]);
});

test('status names no password', async () => {
  const text = JSON.stringify(await status());
  for (const url of [servers().mysql.url, servers().postgresql.url]) {
    expect(text).not.toContain(new URL(url).password);
  }
});

test.each([
  ['mysql', 'LOCKSTEP_DEV_MYSQL_URL', 'mysql://root:hidden@127.0.0.1:1/shop'],
  ['postgresql', 'LOCKSTEP_DEV_POSTGRESQL_URL', 'postgresql://root:hidden@127.0.0.1:1/shop'],
  ['postgresql', 'LOCKSTEP_DEV_POSTGRESQL_URL', 'root:hidden@127.0.0.1/shop'],
] as const)(
  "the user's own %s is named when it fails, not its password, and never stopped",
  async (name, variable, value) => {
    vi.stubEnv(variable, value);
    try {
      const failure = await up().catch((error: Error) => error);
      expect(failure).toHaveProperty('message', expect.stringContaining(variable));
      expect(failure).toHaveProperty('message', expect.not.stringContaining('hidden'));
      await expect(stopServer(name)).rejects.toThrow(variable);
      await expect(startServer(name)).rejects.toThrow(variable);
    } finally {
      vi.unstubAllEnvs();
    }
  },
);

test('a server of a test that ends while it starts leaves nothing behind', async () => {
  let folder = '';
  const ending: DevServer<'mysql'> = {
    ...mysql,
    async initialize(instance) {
      folder = instance.folder;
    },
    command: () => ({ file: process.execPath, args: ['--eval', ''] }),
  };
  await expect(ownServer(ending, () => undefined)).rejects.toThrow('ended while starting');
  expect(folder).toContain('proof-mysql');
  expect(existsSync(folder)).toBe(false);
});
