import { writeWayNamed, writeWays } from './account/way.ts';
import { runFromCommandLine } from './command-line.ts';
import { proofs } from './proofs.ts';

await runFromCommandLine({
  usage: `npm run proof -- NAME [--json] [--seed N] [--short] [--proxy] [--only TEXT] [--way WAY] [--rate N] [--changes N]
  [--mysql mysql-9.7|mariadb-11.8] [--postgresql postgresql-18] [--record]
NAME is one of ${[...proofs.keys()].join(', ')}.
--mysql and --postgresql take a server of another version than the one that every run starts.
--record puts the counts of its bars into docs/servers.md.
--short takes fewer and shorter rounds. --proxy cuts connections where the whole proof stops a server.
--only TEXT takes those guards of mutants whose area, file or sentence has the text, those scenarios of restore whose name has it, those
names of names, or those runs of corpus: mysql, postgresql, either with ", huge".
--way is how writes travel in kill, ended, outage, journal and cutover: ${writeWays.join(', ')}; throttle takes group, journal and embedded.
--rate is in writes a second, --changes counts changes of primary; both are of cutover.`,
  runs: proofs,
  options: {
    short: { type: 'boolean' },
    proxy: { type: 'boolean' },
    only: { type: 'string' },
    way: { type: 'string' },
    rate: { type: 'string' },
    changes: { type: 'string' },
  },
  given: ({ short, proxy, only, way: named, rate, changes }) => {
    const [perSecond, wanted] = [rate, changes].map((text) =>
      text === undefined ? undefined : Number(text),
    );
    const way = named === undefined ? undefined : writeWayNamed(named);
    if (way === null) return null;
    if ([perSecond, wanted].some((number) => number !== undefined && !(number > 0))) return null;
    return {
      short: short === true,
      proxy: proxy === true,
      perSecond,
      changes: wanted,
      way,
      ...(typeof only === 'string' ? { only } : {}),
    };
  },
});
