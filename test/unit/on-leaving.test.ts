import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

const own = new URL('../support/on-leaving.ts', import.meta.url).href;

test.each([
  ['leaves by itself', 'process.exit();'],
  ['comes to its end', ''],
  ['throws', "throw new Error('odd');"],
  ['is told to end', "process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 60_000);"],
])('what would outlive a process that %s is ended, the last first', (_, how) => {
  const program = `
    import { writeSync } from 'node:fs';
    import { onLeaving } from '${own}';
    for (const name of ['server', 'forgotten', 'client']) {
      const forget = onLeaving(() => writeSync(1, name + ' '));
      if (name === 'forgotten') forget();
    }
    ${how}`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program]);
  expect(String(stdout)).toBe('client server ');
});
