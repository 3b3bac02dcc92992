import type { StoreName } from '../model/failure.ts';
import type { Phase } from '../model/phase.ts';
import { advanceTo } from '../test/support/advance.ts';
import { createDatabasesOn } from '../test/support/databases.ts';
import { proxy } from '../test/support/proxy.ts';
import { openIds } from './account/contents.ts';
import { buildStage, type Stage } from './account/environment.ts';
import { Draws } from './account/random.ts';
import { type Bench, contentsOf, type Trial, tryOut } from './account/trial.ts';
import { type Bar, type Conditions, exactly, type Report, report } from './report.ts';

const stores: readonly StoreName[] = ['legacy', 'modern'];
const phases: readonly Phase[] = ['dual-write', 'switch-primary'];

/** A parallel write that one store refuses leaves no trace in the other, whichever of them decides. */
export async function compensate({ servers, seed, short, note }: Conditions): Promise<Report> {
  const rounds = short ? 1 : 5;
  await using databases = await createDatabasesOn(servers);
  await using legacy = await proxy(databases.mysqlUrl);
  await using modern = await proxy(databases.postgresqlUrl);
  await using stage = await buildStage({
    servers,
    databases,
    pattern: 'parallel',
    phase: 'dual-write',
    tables: 'compensate',
    through: { legacy: legacy.url, modern: modern.url },
  });
  const bench: Bench = {
    accounts: stage.lockstep.repository(stage.account),
    direct: stage.direct,
    proxies: { legacy, modern },
    draws: new Draws(seed),
    cutMs: short ? 2_000 : 5_000,
  };

  const bars: Bar[] = [];
  const wrong: string[] = [];
  for (const phase of phases) {
    await advanceTo(stage.lockstep, phase);
    for (const trial of trials()) {
      const name = nameOf(trial, phase === 'dual-write' ? 'legacy' : 'modern');
      note(name);
      let sound = 0;
      for (let round = 1; round <= rounds; round++) {
        const found = await tryOut(trial, bench);
        if (found.length === 0) sound += 1;
        wrong.push(...found.map((why) => `${name}: ${why}`));
      }
      bars.push(exactly(name, rounds, sound));
    }
  }
  return await concluded(stage, seed, bars, wrong, note);
}

async function concluded(
  stage: Stage,
  seed: number,
  bars: readonly Bar[],
  wrong: readonly string[],
  note: Conditions['note'],
): Promise<Report> {
  const [left, right] = [await contentsOf('legacy', stage.direct), await contentsOf('modern', stage.direct)];
  const keys = new Set([...left.records.keys(), ...right.records.keys()]);
  const unequal = [...keys].filter(
    (key) =>
      left.rows.get(key) !== right.rows.get(key) ||
      left.records.get(key)?.version !== right.records.get(key)?.version,
  );
  const found = report(
    'compensate',
    seed,
    [
      ...bars,
      exactly('keys whose rows or versions differ', 0, unequal.length),
      exactly(
        'writes still pending or parked',
        0,
        (await openIds(stage.direct.legacy, stage.direct.modern)).length,
      ),
    ],
    {
      keys: keys.size,
      rows: left.rows.size,
      note: 'no trace means no row in the tables; the guard keeps a newer version, or a tombstone, for the key',
      wrong: wrong.slice(0, 20),
    },
  );
  if (!found.pass) {
    stage.keepFolder();
    note(`the worker's log is in ${stage.folder}`);
  }
  return found;
}

/** A delete cannot be made to hesitate by a trigger on its row, so none is cut off. */
function trials(): Trial[] {
  return stores.flatMap(
    (refuses) =>
      [
        { kind: 'create', refuses, cut: false },
        { kind: 'replace', refuses, cut: false },
        { kind: 'delete', refuses, cut: false },
        { kind: 'create', refuses, cut: true },
        { kind: 'replace', refuses, cut: true },
      ] as const,
  );
}

function nameOf({ kind, refuses, cut }: Trial, primary: StoreName): string {
  return `${kind} that ${refuses} refuses, ${primary} decides${cut ? ', the other store cut off' : ''}: undone`;
}
