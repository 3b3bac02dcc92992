import { setFlagsFromString } from 'node:v8';

/** In MB. V8 takes as much twice, and grows by itself to four times that where a thread makes much that it soon leaves. */
const semiSpace = 16;

/**
 * Creates what starts a thread of its own whose heap is to stay small. Workflows that follow thousands of writes make the thread in which they run
 * grow for minutes, and it keeps that. Temporal's SDK starts the thread, and takes no limit for it; so V8 is told for that time. Threads that
 * run already are not touched. A service that has set the size itself has the last word.
 */
export async function withSmallYoungGeneration<T>(create: () => Promise<T>): Promise<T> {
  const given = [...process.execArgv, process.env.NODE_OPTIONS ?? ''].join(' ');
  if (given.includes('semi-space-size') || given.includes('semi_space_size')) return await create();
  setFlagsFromString(`--max-semi-space-size=${semiSpace}`);
  try {
    return await create();
  } finally {
    // As it is where nobody has set it.
    setFlagsFromString('--max-semi-space-size=0');
  }
}
