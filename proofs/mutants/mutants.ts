import { atLeast, type Conditions, exactly, type Report, report } from '../report.ts';
import type { Guard } from './guard.ts';
import { guards, guardsOf } from './guards.ts';
import { testsOf, unionOf } from './selection.ts';
import { Tree } from './tree.ts';

/** In the short form, as many of those that unit tests notice, spread over all of them. */
const shortRuns = 12;

/** What became of a guard that was taken out. The last two prove nothing. */
type Outcome = 'killed' | 'survived' | 'does not run' | 'its tests are not green';

/**
 * Guards that no test misses would be lost with the next change. Each is taken out in a copy of the project, and the tests that
 * should notice are run: one that stays green is a survivor.
 */
export async function mutants({ servers, seed, short, only, note }: Conditions): Promise<Report> {
  await using tree = new Tree(servers);
  const listed = only === undefined ? guards : guardsOf(only);
  const tried = listed.filter(({ equivalent }) => equivalent === undefined);
  const chosen = short ? spread(tried.filter(needsNoServer), shortRuns) : tried;
  const green = await greenTests(tree, chosen, note);
  const outcomes = new Map<Guard, Outcome>();
  for (const guard of chosen) {
    const outcome = await outcomeOf(tree, guard, green);
    outcomes.set(guard, outcome);
    note(`${outcomes.size}/${chosen.length} ${outcome}: ${nameOf(guard)}`);
  }
  const namesOf = (...wanted: readonly Outcome[]) =>
    [...outcomes].filter(([, outcome]) => wanted.includes(outcome)).map(([guard]) => nameOf(guard));
  const survivors = namesOf('survived');
  const unsound = namesOf('does not run', 'its tests are not green');
  return report(
    'mutants',
    seed,
    [
      atLeast('guards taken out', 1, chosen.length),
      exactly('guards that no test misses', 0, survivors.length),
      exactly('guards whose tests prove nothing', 0, unsound.length),
    ],
    {
      guards: listed.length,
      equivalent: listed.length - tried.length,
      taken: chosen.length,
      killed: namesOf('killed').length,
      survivors,
      unsound,
    },
  );
}

/** By file, the names of the tests that pass with every guard in place; all files run once, with what any guard asks of them. */
async function greenTests(
  tree: Tree,
  chosen: readonly Guard[],
  note: Conditions['note'],
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const green = new Map<string, ReadonlySet<string>>();
  for (const file of new Set(chosen.flatMap(({ tests }) => tests))) {
    const asking = chosen.filter(({ tests }) => tests.includes(file));
    const run = await tree.run({ files: [file], named: unionOf(asking) });
    const isSound = run !== null && !run.broken && !run.failed;
    green.set(file, new Set(isSound ? run.passed : []));
    note(`${isSound ? `${run.passed.length} tests are green` : 'is not green'}: ${file}`);
  }
  return green;
}

async function outcomeOf(
  tree: Tree,
  guard: Guard,
  green: ReadonlyMap<string, ReadonlySet<string>>,
): Promise<Outcome> {
  const expected = testsOf(guard, green);
  if (expected.length === 0) return 'its tests are not green';
  const run = await tree.without(guard, { files: guard.tests, named: guard.named ?? null });
  if (run === null || run.failed) return 'killed';
  const passed = new Set(run.passed);
  return !run.broken && expected.every((name) => passed.has(name)) ? 'survived' : 'does not run';
}

function nameOf({ file, keeps }: Guard): string {
  return `${file}: ${keeps}`;
}

function spread<T>(all: readonly T[], count: number): T[] {
  const step = Math.max(1, all.length / count);
  return all.filter((_, at) => Math.floor(at / step) !== Math.floor((at - 1) / step));
}

function needsNoServer({ tests }: Guard): boolean {
  return tests.every((file) => file.startsWith('test/unit/'));
}
