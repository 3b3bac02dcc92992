import { expect, test } from 'vitest';
import { assertLeastVersion } from '../../databases/engine/least-version.ts';

const session = { store: 'modern', address: 'db.example.com/shop' } as const;

test.each([
  ['PostgreSQL', '15.0'],
  ['PostgreSQL', '15beta1'],
  ['PostgreSQL', '18.4 (Debian 18.4-1)'],
  ['MySQL', '8.0.19'],
  ['MySQL', '8.0.36-28'],
  ['MySQL', '8.4'],
  ['MySQL', '9.7.0'],
  ['MariaDB', '10.6.0-MariaDB'],
  ['MariaDB', '10.11.6-MariaDB-0+deb12u1-log'],
  ['MariaDB', '11.8.3-MariaDB'],
] as const)('%s %s is new enough', (server, version) => {
  expect(() => assertLeastVersion(session, server, version)).not.toThrow();
});

test.each([
  ['PostgreSQL', '14.11', '15'],
  ['PostgreSQL', '9.6.24', '15'],
  ['MySQL', '5.7.44-log', '8.0.19'],
  ['MySQL', '8.0.18', '8.0.19'],
  ['MariaDB', '10.5.29-MariaDB', '10.6'],
  ['MariaDB', '5.5.68-MariaDB', '10.6'],
  ['MySQL', '', '8.0.19'],
] as const)('%s "%s" is too old', (server, version, least) => {
  const remedy = `upgrade it to ${server} ${least} or newer`;
  expect(() => assertLeastVersion(session, server, version)).toThrow(
    expect.objectContaining({
      code: 'StoreUnavailable',
      message: expect.stringContaining(`the modern store (db.example.com/shop) is ${server} ${version}`),
      details: expect.objectContaining({ store: 'modern', remedy: expect.stringContaining(remedy) }),
    }),
  );
});
