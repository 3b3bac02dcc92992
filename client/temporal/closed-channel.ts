import { InterceptingCall, type Interceptor, Metadata, status } from '@grpc/grpc-js';

type Call = ConstructorParameters<typeof InterceptingCall>[0];

/**
 * Temporal's client tries a call again after a pause, also where the connection was closed meanwhile. The channel throws then, in a
 * timer, where nobody can catch it, and the process ends. With this, such a call is cancelled instead. It stands behind what tries again.
 */
export const cancelWhereClosed: Interceptor = (options, nextCall) => {
  try {
    return new InterceptingCall(nextCall(options));
  } catch {
    return new InterceptingCall(cancelled);
  }
};

const ignore = () => undefined;

const cancelled: Call = {
  start: (_, listener) => {
    const ended = {
      code: status.CANCELLED,
      details: 'the connection to Temporal was closed',
      metadata: new Metadata(),
    };
    // As a call would, after it was begun.
    setImmediate(() => listener?.onReceiveStatus?.(ended));
  },
  sendMessage: ignore,
  sendMessageWithContext: ignore,
  startRead: ignore,
  halfClose: ignore,
  cancelWithStatus: ignore,
  getPeer: () => 'none',
  getAuthContext: () => null,
};
