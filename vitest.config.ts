import { defineConfig } from 'vitest/config';

/** Tests that need no server. */
const unit = ['test/unit/**/*.test.ts'];

export default defineConfig({
  // `lockstep` stands for the sources; processes that tests start have it from NODE_OPTIONS (scripts/execute.mjs).
  ssr: { resolve: { conditions: ['lockstep-source', 'module', 'node'] } },
  test: {
    // The databases and Temporal run on the same cores.
    maxWorkers: 2,
    teardownTimeout: 30_000,
    // No test leans on the one before it. A failure shows the seed, and `--sequence.seed N` repeats the order.
    sequence: { shuffle: { tests: true, files: false } },
    projects: [
      { extends: true, test: { name: 'unit', include: unit, testTimeout: 60_000 } },
      {
        extends: true,
        test: {
          name: 'servers',
          include: ['test/**/*.test.ts'],
          exclude: unit,
          globalSetup: ['test/global-setup.ts'],
          pool: 'forks',
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
