import type { Interceptor } from '@grpc/grpc-js';
import { Client, Connection, defaultGrpcRetryOptions, makeGrpcRetryInterceptor } from '@temporalio/client';
import { LockstepError } from '../../model/failure.ts';
import { cancelWhereClosed } from './closed-channel.ts';
import { createDataConverter } from './encryption.ts';
import { reasonOf } from './failures.ts';
import { assertNamespace } from './namespace.ts';
import { silenceOf } from './silence.ts';
import { temporalSettings } from './temporal-settings.ts';

/** As `temporalSettings` says, with what holds where it says nothing. */
export function temporalPlace(environment: NodeJS.ProcessEnv) {
  const { connectionOptions, namespace = 'default' } = temporalSettings(environment);
  return { connectionOptions, namespace, address: connectionOptions.address ?? 'localhost:7233' };
}

/**
 * Connects there. Throws `TemporalUnavailable` where it does not answer within 10 s, and `InvalidDefinition` where it has no such
 * namespace.
 *
 * @param around sees every call first, before it is tried again
 */
export async function connectTemporal(
  environment: NodeJS.ProcessEnv,
  around: readonly Interceptor[] = [],
): Promise<Client> {
  const { connectionOptions, namespace, address } = temporalPlace(environment);
  // Before Temporal is asked: a fault of the key is none of its.
  const dataConverter = createDataConverter(environment);
  let connection: Connection;
  try {
    connection = await Connection.connect({
      connectTimeout: '10s',
      interceptors: [...around, makeGrpcRetryInterceptor(defaultGrpcRetryOptions()), cancelWhereClosed],
      ...connectionOptions,
    });
  } catch (error) {
    throw await notConnected(address, error);
  }
  try {
    await assertNamespace(connection, { address, namespace });
    return new Client({ connection, namespace, dataConverter });
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Of a connection that was not made, and failed so. */
export async function notConnected(address: string, error: unknown): Promise<LockstepError> {
  const reason =
    (await silenceOf(address)) ??
    `something listens there, and does not speak as Temporal does (is TLS missing, or too much?): ${reasonOf(error)}`;
  return temporalUnavailable(address, reason, error);
}

export function temporalUnavailable(address: string, reason: string, cause?: unknown): LockstepError {
  return new LockstepError(
    'TemporalUnavailable',
    `Temporal at ${address} does not answer: ${reason}; start it (lockstep dev up starts one for development), or correct TEMPORAL_ADDRESS`,
    { reason, remedy: 'TEMPORAL_ADDRESS' },
    { cause },
  );
}
