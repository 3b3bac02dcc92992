import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildBundle } from './bundle.ts';

const root = join(import.meta.dirname, '..');
const inlineMap = /(?<=sourceMappingURL=data:application\/json;charset=utf-8;base64,)[\w+/=]+/;

/** Part of `npm run build`: the workflows' bundle, where a built worker looks for it. */
const bundle = join(root, 'dist/workers/workflow-bundle.js');
await buildBundle(bundle);
writeFileSync(bundle, readFileSync(bundle, 'utf8').replace(inlineMap, withRelativePaths));

/** The bundler names sources by where they lie on this machine, of which the package says nothing. */
function withRelativePaths(base64: string): string {
  const map: { sources: string[] } = JSON.parse(Buffer.from(base64, 'base64').toString());
  const sources = map.sources.map((source) => source.replace(`${root}/`, ''));
  return Buffer.from(JSON.stringify({ ...map, sources })).toString('base64');
}
