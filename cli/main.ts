#!/usr/bin/env node
import { oldNodeReason } from './least-node.ts';

// Who reads the output may leave before its end, as `head` does.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit();
  });
}

const reason = oldNodeReason(process.versions.node);
if (reason === null) {
  // An older Node fails at once on what this leads to.
  const { run } = await import('./run.ts');
  process.exitCode = await run(process.argv.slice(2));
} else {
  process.stderr.write(`${reason}\n`);
  process.exitCode = 1;
}
