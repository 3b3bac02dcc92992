import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { pathToFileURL } from 'node:url';

/** With these Node says that it does not take a file as it is, not that the file is wrong. */
const notForNode = new Set([
  'ERR_UNKNOWN_FILE_EXTENSION',
  'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX',
  'ERR_MODULE_NOT_FOUND',
  'ERR_UNSUPPORTED_DIR_IMPORT',
]);

/**
 * Loads a file of the user's, with the packages of its own folder. Node does it where the file is an ES module that it takes as
 * it is; else jiti: in a CommonJS package, with TypeScript that Node does not strip, with imports that leave out the extension.
 */
export async function loadModule(file: string): Promise<object> {
  const url = pathToFileURL(file);
  if (isEsModule(file)) {
    try {
      return await import(url.href);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && notForNode.has(String(error.code)))) throw error;
    }
  }
  const { createJiti } = await import('jiti');
  return await createJiti(url.href, { fsCache: false, interopDefault: false }).import<object>(url.href);
}

/** Whether the file says so, or its package. Where neither does, Node would find out, and warn. */
function isEsModule(file: string): boolean {
  if (/\.m[jt]s$/.test(file)) return true;
  // Where there is none, some versions of Node name the folder.
  const manifest = findPackageJSON('.', pathToFileURL(file));
  return (
    manifest?.endsWith('package.json') === true &&
    JSON.parse(readFileSync(manifest, 'utf8')).type === 'module'
  );
}
