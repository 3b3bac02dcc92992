import { defineConfig } from 'vitest/config';

export default defineConfig({
  // `lockstep` stands for the sources; processes that tests start have it from NODE_OPTIONS (scripts/execute.mjs).
  ssr: { resolve: { conditions: ['lockstep-source', 'module', 'node'] } },
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
    globalSetup: ['test/global-setup.ts'],
    pool: 'forks',
    // The databases and Temporal run on the same cores.
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 300_000,
    teardownTimeout: 30_000,
  },
});
