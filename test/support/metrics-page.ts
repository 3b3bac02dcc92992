import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MetricName, metricTable } from '../../activities/metric-table.ts';

export const pagePath = join(import.meta.dirname, '../../docs/metrics.md');

/** `docs/metrics.md`, from the table that the code reads. Run this file to write it. */
export function metricsPage(): string {
  return `# Metrics

Written by \`node test/support/metrics-page.ts\` from \`activities/metric-table.ts\`.

\`npx lockstep worker --metrics 127.0.0.1:9464\` serves Prometheus metrics: those of Temporal's SDK (\`temporal_…\`), and these. Names and units follow
Prometheus: counters end with \`_total\`, times are in seconds, sizes in bytes, shares are from 0 to 1. Labels hold names and failure
codes, never keys or values. Every metric of Lockstep has the label \`migration\`.

## Counters and histograms of the write path

Activities count them, so the replay of a workflow counts nothing.

${table(['counter', 'histogram'])}

Success rate: \`rate(dual_write_success_total[5m]) / (rate(dual_write_success_total[5m]) + rate(dual_write_failure_total[5m]))\`. Cost of writing
twice: the quantiles of \`dual_write_overhead_seconds\`. The buckets of both histograms go from a millisecond to five minutes.

## Gauges

A worker with \`--metrics\` reads them every two seconds, and those of the workflow and of differences every five. Several workers tell the
same of a migration, so take their maximum. A store that is unavailable has no new reading: its gauges keep their last value. Those of the
workflow have a reading only while one leads the migration.

${table(['gauge'])}

A \`migration_read_ratio\` that falls to 0 without a command was taken back by the budget; \`lockstep status\` says why.

## Alerts and a dashboard

[deploy/prometheus/alerts.yml](../deploy/prometheus/alerts.yml) has the alerts: overdue, near the deadline, parked, owed for too long, in doubt, differences, evidence
that is too old, reads that went back, and no worker. [deploy/grafana/lockstep.json](../deploy/grafana/lockstep.json) is a dashboard for Grafana. \`docker compose
up\` runs both beside the worker: Prometheus on port 9090, Grafana on 3000.

## Counts of a service

A service has no endpoint of Lockstep's. It reads these counts from its connection, since its process began, and reports them in its own way:

\`\`\`ts check
import type { Lockstep } from 'lockstep';

export function counts(lockstep: Lockstep) {
  return {
    reads: lockstep.reads.counts(), // { legacy: 402, modern: 410, fellBack: 2, lagged: 0, undecided: 0 }
    flags: lockstep.flags.counts(), // { answered: 809, failed: 0, timedOut: 3, invalid: 0 }
    shadow: lockstep.shadow.counts(), // { equal: 40, unequal: 0, inFlight: 1, failed: 1 }
  };
}
\`\`\`

| counts | name | what |
| --- | --- | --- |
| \`reads\` | \`legacy\`, \`modern\` | reads answered from this store |
| | \`fellBack\` | those among them that the routed store did not answer within \`readTimeoutMs\`, or failed; the primary answered |
| | \`lagged\` | those that the primary answered because modern has lacked a write of the record for longer than \`reads.lagLimitMs\` |
| | \`undecided\` | those that the primary answered because modern has a \`parallel\` write that is not decided yet |
| \`flags\` | \`answered\` | questions that the flags decided |
| | \`failed\`, \`timedOut\`, \`invalid\` | questions decided by the durable share: the provider failed or lacks the flag, took longer than \`flagTimeoutMs\`, or answered neither true nor false |
| \`shadow\` | \`equal\`, \`unequal\`, \`inFlight\`, \`failed\` | shadow reads by what they found; \`unequal\` ones disagreed twice, with nothing on its way |

At \`lockstep reads 100\` flags are not asked: every read goes to modern. What \`legacy\` still counts then are fallbacks, and reads with a
token that modern has not reached yet.
`;
}

function table(kinds: readonly string[]): string {
  const rows = (Object.keys(metricTable) as MetricName[]).flatMap((name) => {
    const { kind, labels, help } = metricTable[name];
    if (!kinds.includes(kind)) return [];
    return [`| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`];
  });
  return ['| metric | kind | labels | shows |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

if (import.meta.main) writeFileSync(pagePath, metricsPage());
