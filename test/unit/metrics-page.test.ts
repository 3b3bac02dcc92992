import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');

test('docs/metrics.md names every metric, and none that is not there', () => {
  const code = ['activities/metrics.ts', 'activities/gauges.ts', 'workers/deadline-gauge.ts'].flatMap(
    (file) => namesIn(readFileSync(join(root, file), 'utf8'), /'((?:dual_write|post_write|migration)_\w+)'/g),
  );
  const page = namesIn(
    readFileSync(join(root, 'docs/metrics.md'), 'utf8'),
    /`((?:dual_write|post_write|migration)_\w+)`/g,
  );
  expect([...new Set(page)].sort()).toEqual([...new Set(code)].sort());
});

function namesIn(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, name = '']) => name);
}
