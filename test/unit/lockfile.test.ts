import { expect, test } from 'vitest';
import { lockfileFaults } from '../../scripts/lockfile.mjs';

test('a package needs a digest and a licence that is allowed for what it is used for', () => {
  const packages = {
    '': {},
    'node_modules/sound': { integrity: 'sha512-x', license: 'MIT' },
    'node_modules/linked': { link: true },
    'node_modules/tool': { integrity: 'sha512-x', license: 'MPL-2.0', dev: true },
    'node_modules/bare': { license: 'MIT' },
    'node_modules/@some/copyleft': { integrity: 'sha512-x', license: 'AGPL-3.0' },
    'node_modules/used': { integrity: 'sha512-x', license: 'MPL-2.0' },
    'node_modules/silent': { integrity: 'sha512-x' },
  };
  expect(lockfileFaults({ packages })).toEqual([
    expect.stringMatching(/^bare has no integrity/),
    expect.stringMatching(/^@some\/copyleft is under AGPL-3\.0/),
    expect.stringMatching(/^used is under MPL-2\.0/),
    expect.stringMatching(/^silent is under no licence/),
  ]);
});
