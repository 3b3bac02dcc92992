import type { MetricGauge, MetricMeter } from '@temporalio/common';
import type { GaugeSource } from '../activities/gauges.ts';
import { metricTable } from '../activities/metric-table.ts';
import { toldOf } from '../client/temporal/told.ts';

export interface GaugeWatch {
  /** Resolves when no reading is under way any more. */
  stop(): Promise<void>;
}

/** Reads gauges again and again, for the exporter to serve. */
export function watchGauges(options: {
  sources: readonly GaugeSource[];
  meter: MetricMeter;
  everyMs: number;
  log: (message: string, fields: Readonly<Record<string, unknown>>) => void;
}): GaugeWatch {
  const { sources, meter, everyMs, log } = options;
  const gauges = new Map<string, MetricGauge>(
    sources
      .flatMap((source) => source.gauges)
      .map((name) => [name, meter.createGauge(name, 'float', '', metricTable[name].help)]),
  );
  const dueAt = new Map<GaugeSource, number>();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let reading = Promise.resolve();

  async function readAll(): Promise<void> {
    for (const source of sources) {
      const now = performance.now();
      if (now < (dueAt.get(source) ?? 0)) continue;
      dueAt.set(source, now + (source.everyMs ?? 0));
      try {
        for (const { gauge, value, tags } of await source.read()) gauges.get(gauge)?.set(value, tags);
      } catch (error) {
        // The gauge keeps its last value; what is wrong with it must not end the worker.
        log('a gauge could not be read', { reason: toldOf(error) });
      }
    }
    if (!stopped) timer = setTimeout(next, everyMs);
  }

  function next(): void {
    reading = readAll();
  }

  next();
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await reading;
    },
  };
}
