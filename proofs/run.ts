import { runFromCommandLine } from './command-line.ts';
import { proofs } from './proofs.ts';

await runFromCommandLine({
  usage: `npm run proof -- NAME [--json] [--seed N] [--short] [--proxy]
NAME is one of ${[...proofs.keys()].join(', ')}.
--short takes fewer and shorter rounds. --proxy cuts connections where the whole proof stops a server.`,
  runs: proofs,
  options: { short: { type: 'boolean' }, proxy: { type: 'boolean' } },
  given: ({ short, proxy }) => ({ short: short === true, proxy: proxy === true }),
});
