/** So that tests wait for little; none of them depends on how long something takes. */
export const quickPolicy = {
  // A worker that was killed may take long to be replaced.
  callerTimeoutMs: 120_000,
  primaryGiveUpMs: 120_000,
  secondaryRetryMs: 50,
  secondaryRetryMaxMs: 500,
  conflictAttempts: 4,
  soakMs: 0,
  settleMs: 200,
  sampleSize: 100,
  // Tests of the journal start what the schedules would.
  journalRetryEveryMs: 0,
  journalPruneEveryMs: 0,
};
