/** So that tests wait for little; none of them depends on how long something takes. */
export const quickPolicy = {
  primaryGiveUpMs: 20_000,
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
