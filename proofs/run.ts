import { runFromCommandLine } from './command-line.ts';
import { proofs } from './proofs.ts';

await runFromCommandLine({
  usage: `npm run proof -- NAME [--json] [--seed N] [--short] [--proxy] [--rate N] [--changes N]
NAME is one of ${[...proofs.keys()].join(', ')}.
--short takes fewer and shorter rounds. --proxy cuts connections where the whole proof stops a server.
--rate is in writes a second, --changes counts changes of primary; both are of cutover.`,
  runs: proofs,
  options: {
    short: { type: 'boolean' },
    proxy: { type: 'boolean' },
    rate: { type: 'string' },
    changes: { type: 'string' },
  },
  given: ({ short, proxy, rate, changes }) => {
    const [perSecond, wanted] = [rate, changes].map((text) =>
      text === undefined ? undefined : Number(text),
    );
    if ([perSecond, wanted].some((number) => number !== undefined && !(number > 0))) return null;
    return { short: short === true, proxy: proxy === true, perSecond, changes: wanted };
  },
});
