import { readingAnything } from '../workflows/payload-converter.ts';

/** Outside of workflows a worker reads what its activities are given. Temporal loads it by its path. */
export const payloadConverter = readingAnything(() => true);
