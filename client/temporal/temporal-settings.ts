import { existsSync } from 'node:fs';
import { type LoadClientProfileOptions, loadClientConnectConfig } from '@temporalio/envconfig';
import { LockstepError } from '../../model/failure.ts';

/** Read as `false` where it is another word, so that a connection would be plain that was to be encrypted. */
const switches = ['TEMPORAL_TLS', 'TEMPORAL_TLS_DISABLE_HOST_VERIFICATION'];
const words = new Set(['true', 'false', '1', '0', '']);

const largestPort = 65_535;
const addressForm = /^(?:https?:\/\/)?(?:\[[\da-f:.]+\]|[^\s:/[\]@]+)(?::(\d{1,5}))?\/?$/iu;

/**
 * Where Temporal's own environment variables and TOML file say that it is (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE …).
 *
 * @throws LockstepError `InvalidDefinition` for what cannot be meant; a secret is never shown
 */
export function temporalSettings(environment: NodeJS.ProcessEnv) {
  for (const name of switches) {
    const word = environment[name];
    if (word !== undefined && !words.has(word)) throw fault(name, `is "${word}"; set it to true or false`);
  }
  const file = environment.TEMPORAL_CONFIG_FILE;
  // It would be passed by, and another Temporal be taken.
  if (file && !existsSync(file)) throw fault('TEMPORAL_CONFIG_FILE', `names ${file}, which is not there`);
  const settings = loaded({ overrideEnvVars: definedOnly(environment) });
  const { address, apiKey } = settings.connectionOptions;
  if (address !== undefined) {
    const found = addressForm.exec(address);
    if (!found || Number(found[1] ?? 1) > largestPort || Number(found[1] ?? 1) === 0)
      throw fault('TEMPORAL_ADDRESS', `is "${address}"; it must be HOST:PORT, such as localhost:7233`);
  }
  // It is sent as a header; whatever refuses it there quotes it.
  if (typeof apiKey === 'string' && !/^[\u0021-\u007e]+$/u.test(apiKey))
    throw fault(
      'TEMPORAL_API_KEY',
      'has characters that no key has, such as a line break; set it to the key alone',
    );
  return settings;
}

function loaded(options: LoadClientProfileOptions) {
  try {
    return loadClientConnectConfig(options);
  } catch (error) {
    // What follows the first line is a picture of the file, which may hold a key.
    const [reason] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new LockstepError(
      'InvalidDefinition',
      `Temporal's settings cannot be read: ${reason}; correct the TEMPORAL_ variables, or the file that TEMPORAL_CONFIG_FILE names`,
      { path: 'TEMPORAL_CONFIG_FILE' },
    );
  }
}

function fault(name: string, what: string): LockstepError {
  return new LockstepError('InvalidDefinition', `${name} ${what}`, { path: name });
}

function definedOnly(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
