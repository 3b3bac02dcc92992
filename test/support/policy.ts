import type { Settings } from '../../model/settings.ts';

/** So that tests wait for little; none of them depends on how long something takes. */
const quickSettings = {
  write: {
    // A worker that was killed may take long to be replaced.
    callerTimeoutMs: 120_000,
    primaryGiveUpMs: 120_000,
    secondaryRetryMs: 50,
    secondaryRetryMaxMs: 500,
    conflictAttempts: 4,
  },
  phases: { soakMs: 0 },
  // By chance, a shadow read would be counted beside those that a test is about.
  reads: { shadowShare: 0 },
  validation: { recheckDelayMs: 200, sampleKeys: 4_000 },
  // Tests of the journal start what the schedules would.
  journal: { retryEveryMs: 0, pruneEveryMs: 0 },
} satisfies Settings;

/** The quick settings, with those that a test is about. */
export function quick(given: Settings = {}): Settings {
  return {
    ...quickSettings,
    ...given,
    write: { ...quickSettings.write, ...given.write },
    phases: { ...quickSettings.phases, ...given.phases },
    reads: { ...quickSettings.reads, ...given.reads },
    validation: { ...quickSettings.validation, ...given.validation },
    journal: { ...quickSettings.journal, ...given.journal },
  };
}
