import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { metricTable } from '../../activities/metric-table.ts';
import { metricsPage, pagePath } from '../support/metrics-page.ts';

test('docs/metrics.md is as the table says', () => {
  expect(readFileSync(pagePath, 'utf8')).toBe(metricsPage());
});

test('names and units are as Prometheus has them', () => {
  for (const [name, { kind, help }] of Object.entries(metricTable)) {
    expect(name).toMatch(/^[a-z][a-z_]*[a-z]$/);
    expect({ name, total: name.endsWith('_total') }).toEqual({ name, total: kind === 'counter' });
    expect({ name, isScaled: /milli|_ms\b|_ms_|percent|minutes|kilo|mega/.test(name) }).toEqual({
      name,
      isScaled: false,
    });
    if (/age|latency|overhead|time/.test(name)) expect(name).toMatch(/_seconds$/);
    expect(help).not.toMatch(/\.$/);
  }
});
