import { DefaultLogger, type LogLevel, Runtime } from '@temporalio/worker';
import { type Logger, pino } from 'pino';
import { histogramBuckets } from '../activities/metrics.ts';
import { isInstalled } from './needed-packages.ts';

/** JSON lines on stderr, so that stdout stays free for results; on a terminal for a person, where `pino-pretty` is installed. */
export function createLogger(level: string): Logger {
  if (process.stderr.isTTY && isInstalled('pino-pretty')) {
    return pino({
      level,
      transport: { target: 'pino-pretty', options: { destination: 2, ignore: 'pid,hostname' } },
    });
  }
  return pino({ level }, pino.destination(2));
}

const levels = {
  TRACE: 'trace',
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  ERROR: 'error',
} as const satisfies Record<LogLevel, string>;
const logLevels = Object.keys(levels) as readonly LogLevel[];

function isFine(level: LogLevel): boolean {
  return level === 'TRACE' || level === 'DEBUG';
}

/** Temporal's own lines go the same way; metrics are served in Prometheus form where an address is given. Once a process. */
export function installRuntime(logger: Logger, metricsAddress: string | null): void {
  const level = logLevels.find((one) => levels[one] === logger.level) ?? 'INFO';
  Runtime.install({
    // A runtime that takes signals leaves the second one to Node, which ends the process while the worker drains.
    shutdownSignals: [],
    logger: new DefaultLogger(level, (line) => {
      logger[levels[line.level]]({ ...plain(line.meta) }, line.message);
    }),
    telemetryOptions: {
      // Its native part says much at the levels for people; who looks for a fault asks for all.
      logging: { forward: {}, filter: { core: isFine(level) ? level : 'WARN', other: 'ERROR' } },
      ...(metricsAddress === null
        ? {}
        : {
            metrics: {
              prometheus: {
                bindAddress: metricsAddress,
                // As Prometheus has it, for Temporal's own too.
                countersTotalSuffix: true,
                unitSuffix: true,
                useSecondsForDurations: true,
                histogramBucketOverrides: histogramBuckets,
              },
            },
          }),
    },
  });
}

/** Errors as type and message: their stacks and causes may hold more than a log should. */
function plain(meta: unknown): Record<string, unknown> {
  if (meta === null || typeof meta !== 'object') return {};
  return Object.fromEntries(
    Object.entries(meta).flatMap(([name, value]) => {
      if (value instanceof Error) return [[name, `${value.name}: ${value.message}`]];
      return typeof value === 'object' && value !== null
        ? []
        : [[name, typeof value === 'bigint' ? String(value) : value]];
    }),
  );
}
