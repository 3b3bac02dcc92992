// Runs one of the project's commands on a fresh clone: `node scripts/run.mjs demo --json`. The only file that has to work
// before anything is installed, on the Node that the system has.
import { commands } from './commands.mjs';
import { install } from './install.mjs';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 11)) {
  fail(
    `Node ${process.versions.node} is too old to set this up: 20.11 is the least (the commands themselves run on a newer one, which npm brings)`,
  );
}

const [name = '', ...args] = process.argv.slice(2);
const command = commands.get(name);
if (command === undefined)
  fail(`There is no command "${name}". There are: ${[...commands.keys()].join(', ')}`);

try {
  await install();
  process.exitCode = await command(args);
} catch (error) {
  fail(error instanceof Error ? error.message : String(error));
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(message);
  process.exit(1);
}
