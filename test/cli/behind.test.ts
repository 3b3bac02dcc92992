import { expect, test } from 'vitest';
import { prepareStores } from '../../client/operator/prepare.ts';
import { flagged, twin } from '../support/accounts.ts';
import { Gates } from '../support/gate.ts';
import { connectAndStart, fixture } from '../support/harness.ts';
import { addNote, noted, redefined } from '../support/noted.ts';
import { environmentOf, lockstep, workerProcess } from '../support/process.ts';

test('a worker that falls behind exits with 3; status and pause with the older configuration still answer', async () => {
  await using at = await fixture();
  const environment = environmentOf(at);
  const worker = await workerProcess(environment);
  await connectAndStart(at);
  for (const sql of [at.sql.legacy, at.sql.modern]) await sql(addNote);
  const newer = redefined(at.migration, { entities: [noted, twin, flagged] });
  await prepareStores(newer, at.environment);
  expect(await worker.ended()).toBe(3);
  expect(worker.log()).toContain('DefinitionChanged');
  // A worker that is behind does not start, either.
  expect(await lockstep(['worker'], environment)).toMatchObject({ code: 3 });

  // One of the fixture's own, which looks at nothing before it runs.
  await at.work({ faults: { legacy: {}, modern: {} }, gates: new Gates() });
  const { code, stdout } = await lockstep(['status', '--json'], environment);
  expect({ code, shown: JSON.parse(stdout) }).toMatchObject({
    code: 1,
    shown: { phase: 'legacy-only', problems: [expect.stringContaining('another definition')] },
  });
  const paused = await lockstep(['pause', '--yes', '--json'], environment);
  expect({ code: paused.code, shown: JSON.parse(paused.stdout) }).toMatchObject({
    code: 0,
    shown: { paused: true },
  });
});
