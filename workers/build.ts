import { buildBundle } from './bundle.ts';

/** `npm run build:workflows`: the bundle that workers take in production. */
process.stdout.write(`${await buildBundle()}\n`);
