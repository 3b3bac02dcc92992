import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { loadModule } from '../../cli/load-module.ts';
import { temporalSettings } from '../../client/temporal/temporal-settings.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';

const secret = 'a-key-that-nobody-may-see';

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'lockstep-settings-'));
  onTestFinished(() => rmSync(made, { recursive: true }));
  return made;
}

function refusalOf(environment: NodeJS.ProcessEnv): unknown {
  try {
    return temporalSettings(environment);
  } catch (error) {
    return error;
  }
}

test.each([
  ...[
    '',
    ' ',
    'a:b',
    'host:0',
    'host:65536',
    'unix:/tmp/x',
    'dns:///host:1',
    'two\nlines:1',
    'user@host:1',
  ].map((address) => ({ TEMPORAL_ADDRESS: address })),
  ...['yes', 'TRUE', 'on', 'maybe'].map((word) => ({ TEMPORAL_TLS: word })),
  { TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: 'no' },
  { TEMPORAL_TLS: 'true', TEMPORAL_TLS_CLIENT_CERT_PATH: '/nowhere/client.pem' },
  { TEMPORAL_PROFILE: 'nobody-has-it' },
  { TEMPORAL_CONFIG_FILE: '/nowhere/temporal.toml' },
  { TEMPORAL_API_KEY: `${secret}\nx: y` },
  { TEMPORAL_API_KEY: `${secret}ä` },
])('%j is no setting of Temporal', (environment) => {
  const refused = refusalOf(environment);
  expect(isLockstepError(refused, 'InvalidDefinition')).toBe(true);
  expect(`${refused}`).toMatch(/TEMPORAL_/);
  expect(`${refused}`).not.toContain(secret);
});

test('a file that is no TOML is refused, and not shown', () => {
  const file = join(folder(), 'temporal.toml');
  writeFileSync(file, `[profile.default]\napi_key = ${secret}\n`);
  const refused = refusalOf({ TEMPORAL_CONFIG_FILE: file });
  expect(isLockstepError(refused, 'InvalidDefinition')).toBe(true);
  expect(`${refused}`).not.toContain(secret);
});

test.each([
  'localhost:7233',
  '127.0.0.1:1',
  '[::1]:7233',
  'temporal',
  'https://host.example:7233',
  'a.b-c.example:65535',
])('%s is an address', (address) => {
  expect(temporalSettings({ TEMPORAL_ADDRESS: address }).connectionOptions.address).toBeDefined();
});

test('a configuration file in a folder that is no package is loaded', async () => {
  const file = join(folder(), 'lockstep.config.ts');
  writeFileSync(file, 'const found: number = 7;\nexport default found;\n');
  expect(await loadModule(file)).toMatchObject({ default: 7 });
});
