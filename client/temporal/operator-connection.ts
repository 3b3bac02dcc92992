import { InterceptingCall, type Interceptor } from '@grpc/grpc-js';
import type { Client } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import { LockstepError } from '../../model/failure.ts';
import { isHeard, waitingFor } from '../waits.ts';
import { connectTemporal, temporalPlace, temporalUnavailable } from './connection.ts';
import { isForbidden, isNotReady, isOfTemporal, isUnanswered, reasonOf } from './failures.ts';
import { noNamespace } from './namespace.ts';
import { silenceOf } from './silence.ts';

/** An answer that a call waits for by itself comes, or is asked for again, within a minute. */
const longCalls = [
  'UpdateWorkflowExecution',
  'PollWorkflowExecutionUpdate',
  'GetWorkflowExecutionHistory',
  'QueryWorkflow',
];
const longMs = 75_000;
const callMs = 20_000;

/**
 * As `connectTemporal`, for somebody who sits before it: it does not wait for a server to be started, and each call says what it
 * waits for, and ends.
 */
export async function connectToOperate(environment: NodeJS.ProcessEnv): Promise<Client> {
  const { address } = temporalPlace(environment);
  return await waitingFor(`Temporal at ${address}`, async () => {
    const isDirect = !proxies.some((name) => environment[name]);
    const silence = isDirect ? await silenceOf(address) : null;
    if (silence !== null) throw temporalUnavailable(address, silence);
    return await connectTemporal(environment, [withinLimit, saying(address)]);
  });
}

/** Through which gRPC connects. */
const proxies = ['grpc_proxy', 'https_proxy', 'http_proxy'];

const withinLimit: Interceptor = (options, nextCall) => {
  const limit = longCalls.includes(methodOf(options)) ? longMs : callMs;
  return new InterceptingCall(nextCall({ ...options, deadline: options.deadline ?? Date.now() + limit }));
};

function saying(address: string): Interceptor {
  return (options, nextCall) => {
    const call = nextCall(options);
    if (!isHeard()) return new InterceptingCall(call);
    const ended = Promise.withResolvers<void>();
    void waitingFor(`Temporal at ${address} (${methodOf(options)})`, () => ended.promise);
    return new InterceptingCall(call, {
      start: (metadata, _listener, next) =>
        next(metadata, {
          onReceiveStatus: (status, pass) => {
            ended.resolve();
            pass(status);
          },
        }),
    });
  };
}

function methodOf({ method_definition: { path } }: Parameters<Interceptor>[0]): string {
  return path.split('/').at(-1) ?? path;
}

/** What an error of Temporal's that nobody expected tells an operator; null where it is none of Temporal's. */
export function failureOfTemporal(error: unknown, environment: NodeJS.ProcessEnv): LockstepError | null {
  if (!isOfTemporal(error) && !(error instanceof NamespaceNotFoundError)) return null;
  const { address, namespace } = temporalPlace(environment);
  const reason = reasonOf(error);
  if (error instanceof NamespaceNotFoundError || /namespace .*not found/i.test(reason))
    return noNamespace(address, namespace);
  const told = (words: string, remedy: string) =>
    new LockstepError(
      'TemporalUnavailable',
      `Temporal at ${address} ${words}: ${reason}; ${remedy}`,
      { reason },
      { cause: error },
    );
  if (isForbidden(error))
    return told(
      `lets this account not do it in namespace ${namespace}`,
      'correct TEMPORAL_API_KEY or the certificate (TEMPORAL_TLS_…), or give the account that right',
    );
  if (isUnanswered(error) || isNotReady(error))
    return told('does not answer any more', 'see whether it runs, then give the same command again');
  return new LockstepError(
    'Unexpected',
    `Temporal at ${address} refused: ${reason}; its log says more`,
    { reason },
    { cause: error },
  );
}
