import type { DevServer, Report, Way } from './contract.ts';
import { reasonOf } from './reason.ts';

/** The server cannot be had on this machine: the message says what was tried, and what a person can do. */
export class NoWay extends Error {}

/** Tries the server's ways in their order. When all fail, says what was tried and what a person can do. */
export async function findPrograms(
  { title, ways, variable }: DevServer,
  search: { report: Report; folder: string },
): Promise<{ way: string; programs: string | null }> {
  const tried: string[] = [];
  for (const way of ways) {
    const found = await attempt(way, search);
    if ('programs' in found) return { way: way.name, programs: found.programs };
    tried.push(`  - ${way.name}: ${found.unavailable}`);
  }
  const remedies = ways.filter(({ remedy }) => remedy !== '').map(({ remedy }) => `  - ${remedy}`);
  throw new NoWay(
    [
      `No way to get ${title} worked. Tried:`,
      ...tried,
      'Do one of these, and run again:',
      ...remedies,
      `  - set ${variable} to a server of your own`,
    ].join('\n'),
  );
}

async function attempt(way: Way, search: { report: Report; folder: string }) {
  try {
    return await way.find(search);
  } catch (error) {
    return { unavailable: reasonOf(error) };
  }
}
