import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Tests that need no server. */
const unit = ['test/unit/**/*.test.ts'];

/** Proofs take longest and load the machine most: they are spread over the run, so that few of them meet. */
class ProofsSpread extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isProof = ({ moduleId }: TestSpecification) => moduleId.includes('/test/proofs/');
    const proofs = sorted.filter(isProof);
    const others = sorted.filter((file) => !isProof(file));
    const between = Math.ceil(others.length / Math.max(1, proofs.length));
    const parts = proofs.map((proof, at) => [proof, ...others.slice(at * between, (at + 1) * between)]);
    return proofs.length === 0 ? others : parts.flat();
  }
}

export default defineConfig({
  // `lockstep` stands for the sources; processes that tests start have it from NODE_OPTIONS (scripts/execute.mjs).
  ssr: { resolve: { conditions: ['lockstep-source', 'module', 'node'] } },
  test: {
    // The databases and Temporal run on the same cores; tests wait for them much of their time.
    maxWorkers: 3,
    teardownTimeout: 30_000,
    // No test leans on the one before it. A failure shows the seed, and `--sequence.seed N` repeats the order.
    sequence: { shuffle: { tests: true, files: false }, sequencer: ProofsSpread },
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
