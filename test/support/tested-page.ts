import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readTested, type Tested } from './tested.ts';

export const pagePath = join(import.meta.dirname, '../../docs/servers.md');
export const contractSuite = 'contract suite';

const begin = '<!-- written by node test/support/tested-page.ts -->';
const end = '<!-- until here -->';

/** `docs/servers.md` with the tables of what was tested. Run this file to write it. */
export function testedPage(page: string = readFileSync(pagePath, 'utf8')): string {
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${pagePath} has no place for its tables: ${begin} … ${end}`);
  return `${page.slice(0, from + begin.length)}\n\n${tables(readTested())}\n${page.slice(to)}`;
}

function tables(tested: readonly Tested[]): string {
  const [contract, proofs] = [true, false].map((isContract) =>
    tested.filter(({ suite }) => (suite === contractSuite) === isContract),
  ) as [Tested[], Tested[]];
  const pairs = namesOf(proofs, ({ on }) => on);
  return `${table(
    [contractSuite, 'passed', 'failed', 'skipped'],
    contract.map(({ on, passed, failed, skipped }) => [on, passed, failed, skipped]),
  )}
${table(
  ['bars that hold', ...pairs],
  namesOf(proofs, ({ suite }) => suite).map((suite) => [
    suite,
    ...pairs.map((pair) => cellOf(proofs.find((one) => one.suite === suite && one.on === pair))),
  ]),
)}`;
}

function cellOf(found: Tested | undefined): string {
  return found ? `${found.passed} of ${found.passed + found.failed}` : 'not run';
}

function namesOf(tested: readonly Tested[], name: (one: Tested) => string): string[] {
  return [...new Set(tested.map(name))].toSorted();
}

function table(heads: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const widths = heads.map((head, at) =>
    Math.max(3, ...[head, ...rows.map((row) => String(row[at]))].map((cell) => cell.length)),
  );
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  const padded = (cells: readonly (string | number)[]) =>
    line(cells.map((cell, at) => String(cell).padEnd(widths[at] ?? 0)));
  return [padded(heads), line(widths.map((width) => '-'.repeat(width))), ...rows.map(padded)].join('');
}

if (import.meta.main) writeFileSync(pagePath, testedPage());
