import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { expect, test } from 'vitest';
import { activityInputs } from '../../activities/inputs/table.ts';
import { activityInterceptors } from '../../activities/interceptors.ts';
import { unsealed } from '../../model/inputs/not-taken.ts';
import { defineMigration } from '../../model/migration.ts';
import { migrationWorkflowId } from '../../model/workflow-ids.ts';
import { isFree, soundActivities } from '../../proofs/hostile/sound-activities.ts';
import { secret, unsoundOf } from '../../proofs/hostile/unsound.ts';
import { account } from '../support/accounts.ts';

const migration = defineMigration({
  name: 'inputs',
  entities: [account],
  deadline: '2100-01-01T00:00:00Z',
});
const sound: Readonly<Record<string, unknown>> = soundActivities(migration, {
  migration: 'inputs',
  phase: 'dual-write',
  epoch: 3,
  changeNumber: 3,
  open: true,
  readPercent: 0,
  writePercent: 100,
});
const schemas = activityInputs('inputs');

/** The failure as Temporal has it; null where the activity's code runs. */
async function failureOf(
  activityType: string,
  given: readonly unknown[],
  code: (...taken: unknown[]) => void = () => undefined,
): Promise<ApplicationFailure | null> {
  const environment = new MockActivityEnvironment(
    {
      activityType,
      workflowType: 'migration',
      workflowExecution: { workflowId: migrationWorkflowId('inputs'), runId: 'one' },
    },
    { interceptors: activityInterceptors('inputs') },
  );
  const run = async (...taken: unknown[]) => {
    code(...taken);
    return null;
  };
  const error = await environment.run(run, ...given).catch((reason: unknown) => reason);
  if (error !== null && !(error instanceof ApplicationFailure)) throw error;
  return error;
}

test.each(Object.keys(schemas))('%s takes what it should', async (activity) => {
  expect(await failureOf(activity, sound[activity] === null ? [] : [sound[activity]])).toBeNull();
});

test.each(Object.entries(schemas).flatMap(([activity, schema]) => (schema === null ? [] : [activity])))(
  '%s is given anything else, and fails once',
  async (activity) => {
    const unsound = [
      ...unsoundOf(sound[activity]).filter(({ what }) => !isFree(what)),
      ...[null, undefined, [], {}, { [secret]: secret }, unsealed].map((value) => ({ what: 'junk', value })),
    ];
    for (const { what, value } of unsound) {
      const failure = await failureOf(activity, [value]);
      expect(failure, what).toMatchObject({ type: 'InvalidRequest', nonRetryable: true });
      expect(JSON.stringify([failure?.message, failure?.details]), what).not.toContain(secret);
    }
  },
);

test.each(Object.keys(schemas))('%s takes nothing beside what it should', async (activity) => {
  const given = sound[activity] === null ? [] : [sound[activity]];
  const taken: unknown[] = [];
  expect(await failureOf(activity, [...given, null, secret], (...all) => taken.push(...all))).toBeNull();
  expect(taken).toEqual(given);
});

test('an activity that takes nothing is given nothing that was not encrypted', async () => {
  expect(await failureOf('readStates', [unsealed])).toMatchObject({ type: 'InvalidRequest' });
});

test.each(['writePrimary', 'writeTentative', 'writeState', 'lookAtFence'])(
  '%s is not for another migration',
  async (activity) => {
    const given = JSON.parse(JSON.stringify(sound[activity]).replaceAll('"inputs"', '"others"'));
    expect(await failureOf(activity, [given])).toMatchObject({
      type: 'InvalidRequest',
      details: [{ path: activity === 'writeState' ? 'state.migration' : 'migration' }],
    });
  },
);

test('what has no secondary is not brought to one', async () => {
  for (const activity of ['writeTentative', 'replicateToSecondary', 'replicateGroup']) {
    const given = sound[activity] as { readonly route: object };
    const alone = { ...given, route: { ...given.route, secondary: null } };
    expect(await failureOf(activity, [alone])).toMatchObject({
      type: 'InvalidRequest',
      details: [{ path: 'route' }],
    });
  }
});
