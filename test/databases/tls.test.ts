import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ConnectionOptions } from '../../databases/engine/connection.ts';
import { connectionOf } from '../../databases/engine/connection-url.ts';
import { createMysqlEngine } from '../../databases/mysql/engine.ts';
import { createPostgresqlEngine } from '../../databases/postgresql/engine.ts';
import { mysql } from '../../deploy/dev/mysql.ts';
import { postgresql } from '../../deploy/dev/postgresql.ts';
import type { StoreName } from '../../model/failure.ts';
import { defaultStores } from '../../model/migration.ts';
import { authorities, type Certificate } from '../support/certificates.ts';
import { askingForPassword, askingInClear, impostor } from '../support/impostor.ts';
import { certified, type TlsServer, tlsServer } from '../support/tls-server.ts';
import { openStoreAs } from './engine-roles.ts';

const made = authorities();

describe.skipIf('unavailable' in made)('TLS', () => {
  if ('unavailable' in made) return;
  const authority = made.authority('the authority');
  const foreign = made.authority('another authority');
  const here = ['DNS:localhost', 'IP:127.0.0.1'];
  const elsewhere = ['DNS:db.example', 'IP:192.0.2.1'];
  const certificates = {
    right: authority.sign('store', here),
    'for another host': authority.sign('store', elsewhere),
    'by another authority': foreign.sign('store', here),
    'for the name alone': authority.sign('store', ['DNS:localhost']),
  };
  afterAll(() => made[Symbol.dispose]());

  const through = (url: string, host: string, parameters: Record<string, string>, user?: string) => {
    const changed = new URL(url);
    changed.hostname = host;
    if (user !== undefined) changed.username = user;
    for (const [name, value] of Object.entries(parameters)) changed.searchParams.set(name, value);
    return changed.href;
  };
  const attempt = async (url: string): Promise<void> => {
    const store = openStoreAs('legacy', { url });
    try {
      await store.ping();
    } finally {
      await store.close();
    }
  };
  const trusting = { sslrootcert: authority.cert };

  describe.each([
    ['MySQL/MariaDB', mysql],
    ['PostgreSQL', postgresql],
  ] as const)('%s', (_, base) => {
    let server: TlsServer;
    beforeAll(async () => {
      server = await tlsServer(base, certificates.right, [authority.cert, foreign.cert]);
    }, 180_000);
    afterAll(() => server?.[Symbol.asyncDispose]());

    const otherHost = /certificate is for another host.*sslmode=verify-ca/;
    const untrusted = /not trusted.*sslrootcert/;
    test.each([
      ['right', 'verify-full', '127.0.0.1', null],
      ['right', 'verify-full', 'localhost', null],
      ['right', 'verify-ca', '127.0.0.1', null],
      ['for another host', 'verify-full', '127.0.0.1', otherHost],
      ['for another host', 'verify-full', 'localhost', otherHost],
      ['for another host', 'verify-ca', '127.0.0.1', null],
      ['for the name alone', 'verify-full', '127.0.0.1', otherHost],
      ['for the name alone', 'verify-full', 'localhost', null],
      ['by another authority', 'verify-full', '127.0.0.1', untrusted],
      ['by another authority', 'verify-full', 'localhost', untrusted],
      ['by another authority', 'verify-ca', 'localhost', untrusted],
      ['by another authority', 'disable', 'localhost', null],
    ] as const)('a certificate that is %s, with sslmode=%s, at %s', async (name, sslmode, host, refused) => {
      await server.show(certificates[name]);
      const url = through(server.url, host, sslmode === 'disable' ? { sslmode } : { sslmode, ...trusting });
      if (refused === null) return await expect(attempt(url)).resolves.toBeUndefined();
      await expect(attempt(url)).rejects.toMatchObject({
        code: 'StoreUnavailable',
        message: expect.stringMatching(refused),
      });
    });

    test('files are enough to ask for a full check', async () => {
      await server.show(certificates['for another host']);
      await expect(attempt(through(server.url, 'localhost', trusting))).rejects.toThrow(otherHost);
    });

    test('an account that needs a certificate gets in with one of the authority alone', async () => {
      await server.show(certificates.right);
      const as = ({ cert, key }: Certificate) =>
        attempt(through(server.url, '127.0.0.1', { ...trusting, sslcert: cert, sslkey: key }, certified));
      await expect(as(authority.sign('client'))).resolves.toBeUndefined();
      await expect(as(made.authority('a third authority').sign('client'))).rejects.toThrow();
      await expect(attempt(through(server.url, '127.0.0.1', trusting, certified))).rejects.toThrow(
        /1045|28000/,
      );
    });
  });

  test.each(['mysql', 'postgresql'] as const)('an impostor for %s hears nothing', async (engine) => {
    const wrong: [Certificate, string][] = [
      [certificates['by another authority'], 'verify-full'],
      [certificates['by another authority'], 'verify-ca'],
      [certificates['for another host'], 'verify-full'],
    ];
    for (const [certificate, sslmode] of wrong) {
      await using other = await impostor(engine, certificate);
      for (const host of ['127.0.0.1', 'localhost']) {
        const url = `${engine}://someone:secret@${host}:${other.port}/shop`;
        await expect(attempt(through(url, host, { sslmode, ...trusting }))).rejects.toThrow(/certificate/);
      }
      expect(other.greeted()).toBe(2);
      expect(other.heard()).toHaveLength(0);
    }
    // With the certificate that it should have it would hear who asks.
    await using right = await impostor(engine, certificates.right);
    const asked = attempt(
      `${engine}://someone:secret@localhost:${right.port}/shop?${new URLSearchParams(trusting)}`,
    ).catch(() => undefined);
    await expect.poll(() => right.heard().toString('latin1')).toContain('someone');
    await right[Symbol.asyncDispose]();
    await asked;
  });

  test('a server without TLS is told of, with what can be done', async () => {
    await using plain = await askingForPassword();
    const url = through(`mysql://someone:secret@localhost:${plain.port}/shop`, 'localhost', trusting);
    await expect(attempt(url)).rejects.toMatchObject({
      code: 'StoreUnavailable',
      message: expect.stringMatching(/takes no encrypted connections; .*sslmode=disable/),
    });
    expect(plain.password()).toBeNull();
  });
});

/** As from another machine: the server's own is not to be had here. */
const toImpostor = (engine: string, port: number, isExposed: boolean): ConnectionOptions => ({
  ...connectionOf('legacy', `${engine}://someone:secret@127.0.0.1:${port}/shop`, defaultStores.legacy),
  isExposed,
});

const asking = {
  mysql: { impostor: askingForPassword, open: createMysqlEngine },
  postgresql: {
    impostor: askingInClear,
    open: (store: StoreName, options: ConnectionOptions) => createPostgresqlEngine(store, options, []),
  },
};

test.each([
  ['mysql', 'over a network', true],
  ['mysql', 'on this machine', false],
  ['postgresql', 'over a network', true],
  ['postgresql', 'on this machine', false],
] as const)('a server of %s that asks for the password itself, %s', async (name, _, isExposed) => {
  await using other = await asking[name].impostor();
  const engine = asking[name].open('legacy', toImpostor(name, other.port, isExposed));
  const failure = await engine.query('SELECT 1').then(() => null, engine.classify);
  await engine.close();
  expect(other.greeted()).toBe(1);
  expect(other.password()).toBe(isExposed ? null : 'secret');
  if (isExposed)
    expect(failure).toMatchObject({
      code: 'StoreUnavailable',
      message: expect.stringContaining('asks for the password itself'),
      remedy: expect.stringContaining('sslmode=verify-full'),
    });
});
