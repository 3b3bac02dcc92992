import { DefaultLogger, Runtime } from '@temporalio/worker';

/** Parked writes and refused signals are what the tests are about: Temporal's lines about them would drown the results. */
Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined) });
