import { runFromCommandLine } from './command-line.ts';
import { proofs } from './proofs.ts';

await runFromCommandLine({
  usage: `npm run proof -- NAME [--json] [--seed N] [--short] [--proxy] [--only TEXT]
NAME is one of ${[...proofs.keys()].join(', ')}.
--short takes fewer and shorter rounds. --proxy cuts connections where the whole proof stops a server.
--only TEXT takes those guards of mutants whose file or sentence has the text.`,
  runs: proofs,
  options: { short: { type: 'boolean' }, proxy: { type: 'boolean' }, only: { type: 'string' } },
  given: ({ short, proxy, only }) => ({
    short: short === true,
    proxy: proxy === true,
    ...(typeof only === 'string' ? { only } : {}),
  }),
});
