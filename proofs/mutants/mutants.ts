import { type Conditions, exactly, type Report, report } from '../report.ts';
import type { Guard } from './guard.ts';
import { guards } from './guards.ts';
import { Tree } from './tree.ts';

/** In the short form, as many of those that unit tests notice. */
const shortRuns = 3;

/**
 * Guards that no test misses would be lost with the next change. Each is taken out in a copy of the project, and the tests that
 * should notice are run: one that stays green is a survivor.
 */
export async function mutants({ servers, seed, short, note }: Conditions): Promise<Report> {
  using tree = new Tree(servers);
  const tried = guards.filter(({ equivalent }) => equivalent === undefined);
  const chosen = short ? tried.filter(needsNoServer).slice(0, shortRuns) : tried;
  const survivors: string[] = [];
  const unsound: string[] = [];
  const green = new Map<string, boolean>();
  let killed = 0;
  for (const guard of chosen) {
    const files = guard.tests.join(' ');
    if (!green.has(files)) {
      const { failed, passed } = await tree.run(guard.tests);
      green.set(files, failed === 0 && passed > 0);
    }
    if (!green.get(files)) {
      unsound.push(`${guard.file}: ${files} fails with the guard in place`);
      continue;
    }
    const { failed } = await tree.without(guard);
    const outcome = failed === null ? 'does not load' : failed > 0 ? 'killed' : 'survived';
    note(`${outcome}: ${guard.file}: ${guard.keeps}`);
    if (failed === null)
      unsound.push(`${guard.file}: without the guard the code does not load: ${guard.keeps}`);
    else if (failed > 0) killed += 1;
    else survivors.push(`${guard.file}: ${guard.keeps}`);
  }
  return report(
    'mutants',
    seed,
    [
      exactly('guards that no test misses', 0, survivors.length),
      exactly('guards whose tests prove nothing', 0, unsound.length),
    ],
    {
      guards: guards.length,
      equivalent: guards.length - tried.length,
      taken: chosen.length,
      killed,
      survivors,
      unsound,
    },
  );
}

function needsNoServer({ tests }: Guard): boolean {
  return tests.every((file) => file.startsWith('test/unit/'));
}
