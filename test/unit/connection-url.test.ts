import { expect, test } from 'vitest';
import { connectionOf, isLoopback } from '../../databases/engine/connection-url.ts';
import { defaultStores } from '../../model/migration.ts';

const of = (url: string) => connectionOf('modern', url, defaultStores.modern);

test.each(['mysql', 'mariadb', 'postgresql', 'postgres'])(
  'beyond loopback %s is encrypted and checked, unless a URL says otherwise by name',
  (engine) => {
    for (const host of ['db.example', '192.0.2.7', '[2001:db8::1]', 'localhost.example', 'db.localhost'])
      expect(of(`${engine}://u:p@${host}/shop`)).toMatchObject({
        tls: { checksHost: true },
        isExposed: false,
      });
    for (const host of ['localhost', '127.0.0.1', '127.8.0.1', '[::1]'])
      expect(of(`${engine}://u:p@${host}/shop`)).toMatchObject({ tls: null, isExposed: false });
    expect(of(`${engine}://u:p@db.example/shop?sslmode=disable`)).toMatchObject({
      tls: null,
      isExposed: true,
    });
    expect(of(`${engine}://u:p@db.example/shop?sslmode=verify-ca`)).toMatchObject({
      tls: { checksHost: false },
    });
    expect(of(`${engine}://u:p@localhost/shop?sslmode=verify-full`)).toMatchObject({
      tls: { checksHost: true },
    });
  },
);

test.each([
  ['sslmode=require', /does not check who answers.*verify-full/],
  ['sslmode=prefer', /does not check who answers/],
  ['sslmode=verify', /does not exist: "verify"; use verify-full, verify-ca or disable/],
  ['sslmode=disable&sslrootcert=/ca.pem', /remove one of them/],
  ['sslcert=/client.pem', /both sslcert and sslkey/],
  ['sslrootcert=/nowhere/ca.pem', /sslrootcert=\/nowhere\/ca.pem, which cannot be read \(ENOENT\)/],
  ['ssl=0', /parameter ssl, which is not taken/],
  ['sslnegotiation=direct', /parameter sslnegotiation/],
  ['host=elsewhere.example', /parameter host/],
])('%s is refused with the reason, and without the password', (parameters, reason) => {
  for (const engine of ['mysql', 'postgresql']) {
    const refused = () => of(`${engine}://u:a-password@db.example/shop?${parameters}`);
    expect(refused).toThrow(reason);
    expect(refused).toThrow(expect.objectContaining({ code: 'InvalidDefinition' }));
    expect(refused).not.toThrow(/a-password/);
  }
});

test('what a parameter of a driver would do is not left to chance', () => {
  expect(() => of('mysql://u:p@localhost/shop?ssl-mode=REQUIRED')).toThrow(/parameter ssl-mode/);
  expect(() => of('mysql:///shop')).toThrow(/names no host/);
  expect(of('postgresql://localhost/shop?options=-c%20jit%3Doff').url.searchParams.get('options')).toBe(
    '-c jit=off',
  );
});

test('a host that only begins as one of this machine is elsewhere', () => {
  expect(['127.0.0.1', '::1', 'LOCALHOST'].every(isLoopback)).toBe(true);
  expect(['127.0.0.1.example', 'localhost.example', '0.0.0.0', '10.0.0.1'].some(isLoopback)).toBe(false);
});

test.each([
  ['a-pass%word', /% in its password that begins no code; write it as %25/],
  ['a-password%', /% in its password/],
])('the password %s is refused with the remedy, and without it', (password, reason) => {
  for (const engine of ['mysql', 'postgresql']) {
    const refused = () => of(`${engine}://u:${password}@db.example/shop`);
    expect(refused).toThrow(reason);
    expect(refused).toThrow(expect.objectContaining({ code: 'InvalidDefinition' }));
    expect(refused).not.toThrow(/a-pass/);
  }
  expect(of('mysql://u:a-pass%25word@db.example/shop').url.password).toBe('a-pass%25word');
});

test.each(['ho%st', 'local%68ost', '127.0.0.1%00.example', 'one,two', '%2e%2fsocket'])(
  'the host %s is none',
  (host) => {
    for (const engine of ['mysql', 'postgresql'])
      expect(() => of(`${engine}://u:p@${host}/shop`)).toThrow(
        expect.objectContaining({ code: 'InvalidDefinition' }),
      );
  },
);

test('a folder of a Unix socket is for PostgreSQL alone', () => {
  expect(of('postgresql://u:p@%2Fvar%2Frun%2Fpostgresql/shop')).toMatchObject({
    tls: null,
    isExposed: false,
  });
  expect(() => of('mysql://u:p@%2Fvar%2Frun%2Fmysqld.sock/shop')).toThrow(/neither a name nor an address/);
});
