import type { StoreName } from '../model/failure.ts';
import type { Phase } from '../model/phase.ts';
import { advanceTo } from '../test/support/advance.ts';
import { createDatabasesOn } from '../test/support/databases.ts';
import { proxy } from '../test/support/proxy.ts';
import { type Bench, type CompensationRun, contentsOf, tryOut } from './account/compensation-run.ts';
import { openIds } from './account/contents.ts';
import { createProofEnvironment, type ProofEnvironment } from './account/environment.ts';
import { RandomWrites } from './account/random.ts';
import { type Bar, type Conditions, exactly, type Report, report } from './report.ts';

const stores: readonly StoreName[] = ['legacy', 'modern'];
const phases: readonly Phase[] = ['dual-write', 'switch-primary'];

/** A parallel write that one store refuses leaves no trace in the other, whichever of them decides. */
export async function compensate({ servers, seed, short, note }: Conditions): Promise<Report> {
  const rounds = short ? 1 : 5;
  await using databases = await createDatabasesOn(servers);
  await using legacy = await proxy(databases.mysqlUrl);
  await using modern = await proxy(databases.postgresqlUrl);
  await using environment = await createProofEnvironment({
    servers,
    databases,
    pattern: 'parallel',
    phase: 'dual-write',
    tables: 'compensate',
    through: { legacy: legacy.url, modern: modern.url },
  });
  const bench: Bench = {
    accounts: environment.lockstep.repository(environment.account),
    direct: environment.direct,
    proxies: { legacy, modern },
    writes: new RandomWrites(seed),
    cutMs: short ? 2_000 : 5_000,
  };

  const bars: Bar[] = [];
  const wrong: string[] = [];
  for (const phase of phases) {
    await advanceTo(environment.lockstep, phase);
    for (const run of runs()) {
      const name = nameOf(run, phase === 'dual-write' ? 'legacy' : 'modern');
      note(name);
      let sound = 0;
      for (let round = 1; round <= rounds; round++) {
        const found = await tryOut(run, bench);
        if (found.length === 0) sound += 1;
        wrong.push(...found.map((why) => `${name}: ${why}`));
      }
      bars.push(exactly(name, rounds, sound));
    }
  }
  return await concluded(environment, seed, bars, wrong, note);
}

async function concluded(
  environment: ProofEnvironment,
  seed: number,
  bars: readonly Bar[],
  wrong: readonly string[],
  note: Conditions['note'],
): Promise<Report> {
  const [left, right] = [
    await contentsOf('legacy', environment.direct),
    await contentsOf('modern', environment.direct),
  ];
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
        (await openIds(environment.direct.legacy, environment.direct.modern)).length,
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
    environment.keepFolder();
    note(`the worker's log is in ${environment.folder}`);
  }
  return found;
}

/** A delete cannot be made to hesitate by a trigger on its row, so none is cut off. */
function runs(): CompensationRun[] {
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

function nameOf({ kind, refuses, cut }: CompensationRun, primary: StoreName): string {
  return `${kind} that ${refuses} refuses, ${primary} decides${cut ? ', the other store cut off' : ''}: undone`;
}
