import { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { LockstepError } from '../../model/failure.ts';
import { cancelWhereClosed } from './closed-channel.ts';
import { createDataConverter } from './encryption.ts';
import { reasonOf } from './failures.ts';

/** Connects as Temporal's own environment variables and TOML file say (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE …). */
export async function connectTemporal(environment: NodeJS.ProcessEnv): Promise<Client> {
  const config = loadClientConnectConfig({ overrideEnvVars: definedOnly(environment) });
  const address = config.connectionOptions.address ?? 'localhost:7233';
  // Before Temporal is asked: a fault of the key is none of its.
  const dataConverter = createDataConverter(environment);
  try {
    const connection = await Connection.connect({
      connectTimeout: '10s',
      interceptors: [makeGrpcRetryInterceptor(defaultGrpcRetryOptions()), cancelWhereClosed],
      ...config.connectionOptions,
    });
    return new Client({
      connection,
      namespace: config.namespace ?? 'default',
      dataConverter,
    });
  } catch (error) {
    throw temporalUnavailable(address, error);
  }
}

export function temporalUnavailable(address: string, error: unknown): LockstepError {
  return new LockstepError(
    'TemporalUnavailable',
    `Temporal at ${address} does not answer: ${reasonOf(error)}; start it with lockstep dev up, or set TEMPORAL_ADDRESS`,
    {},
    { cause: error },
  );
}

export function definedOnly(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}
