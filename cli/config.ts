import { existsSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { waitingFor } from '../client/waits.ts';
import { type FailureDetails, LockstepError } from '../model/failure.ts';
import { isLockstepError } from '../model/is-lockstep-error.ts';
import type { Migration } from '../model/migration.ts';
import { originOf } from '../model/origin.ts';
import { withinLimit } from '../model/time-limit.ts';
import { loadModule } from './load-module.ts';

/** The place in a line of a stack: `at f (file:///a/b.ts:3:14)`, `/a/b.ts:3`. */
const frame = /(?:\(|at |^ *)((?:file:\/\/)?\/[^()\n]*?):(\d+)(?::\d+)?\)?$/gm;

const loadLimitMs = 30_000;
const unended = `it is not loaded after ${loadLimitMs / 1_000} s; what it awaits outside of functions must end`;

/** Loads the migration that a configuration file exports by default. Throws `InvalidDefinition`, with the line where there is one. */
export async function loadMigration(path: string): Promise<Migration> {
  const file = resolve(path);
  if (!existsSync(file)) {
    throw fault(
      path,
      'there is no such file; write it, name another with --config, or run this command in its folder',
    );
  }
  if (!statSync(file).isFile()) throw fault(path, 'this is no file; name the configuration with --config');
  const module = await waitingFor(`the configuration file ${path}`, () =>
    withinLimit(loadModule(file), loadLimitMs, () => new Error(unended)),
  ).catch((error: unknown) => {
    throw notLoaded(path, file, error);
  });
  const exported = 'default' in module ? module.default : undefined;
  if (isMigration(exported)) return exported;
  if (originOf(exported) === 'foreign') throw otherCopy(path, file);
  const found = exported === undefined ? 'has no default export' : `exports ${kindOf(exported)} by default`;
  throw fault(
    path,
    `it ${found}, where a migration is expected; write export default defineMigration({ … })`,
  );
}

function isMigration(value: unknown): value is Migration {
  return originOf(value) === 'own';
}

function kindOf(value: unknown): string {
  if (value instanceof Promise) return 'a promise';
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`;
}

function notLoaded(path: string, file: string, error: unknown): LockstepError {
  const place = placeOf(path, file, error);
  // All faults of a definition are told, also by another copy of the package.
  if (error instanceof Error && error.name === 'LockstepError') {
    const details = isLockstepError(error) ? error.details : {};
    return fault(place, error.message, { cause: error }, { ...details, path: place });
  }
  // The rest of a parser's message is a picture of the place.
  const [message = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
  return fault(place, `${message.trim()}${remedyFor(message, file)}`, { cause: error });
}

function remedyFor(message: string, file: string): string {
  const missing = /Cannot find (?:package|module) '([^'./][^']*)'/.exec(message)?.[1];
  if (missing !== undefined) return `; run npm install ${packageOf(missing)} in ${dirname(file)}`;
  // By Node an export that is not there, by jiti a call of nothing.
  if (!/'lockstep['/]|_lockstep\./.test(message)) return '';
  return `; it imports lockstep ${copyFor(file)}; is it the version that this was written for?`;
}

/** The package of `@scope/name/part`. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** The first line of the user's own in the stack, be it of a file that the configuration imports. */
function placeOf(path: string, file: string, error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  for (const [, place = '', line] of stack.matchAll(frame)) {
    const at = place.startsWith('file:') ? fileURLToPath(place) : place;
    if (at === file) return `${path}:${line}`;
    if (at.startsWith(`${dirname(file)}/`) && !at.includes('/node_modules/'))
      return `${relative(process.cwd(), at)}:${line}`;
  }
  return path;
}

function otherCopy(path: string, file: string): LockstepError {
  const own = copyFor(import.meta.url);
  const its = copyFor(file);
  return fault(
    path,
    `its migration was made by another copy of lockstep (${its}) than the one that runs this command (${own}); ` +
      `run npx lockstep in ${dirname(file)}, where one version is installed`,
  );
}

/** The copy of the package that a file imports. */
function copyFor(importer: string): string {
  try {
    const manifest = createRequire(importer).resolve('lockstep/package.json');
    return `${JSON.parse(readFileSync(manifest, 'utf8')).version} in ${dirname(manifest)}`;
  } catch {
    return 'of an unknown place';
  }
}

function fault(
  place: string,
  message: string,
  options?: ErrorOptions,
  details: FailureDetails = { path: place },
): LockstepError {
  return new LockstepError('InvalidDefinition', `${place}: ${message}`, details, options);
}
