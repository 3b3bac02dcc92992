import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import type { Report } from '../../proofs/report.ts';
import { peerVersions } from './peer-packages.ts';
import { plotOf } from './plot.ts';
import { type Measured, type Plan, placeOf } from './rounds.ts';
import { type WayName, ways } from './ways.ts';

const docs = join(import.meta.dirname, '../../docs');
const begin = '<!-- writes: written by `npm run bench -- writes --write-docs` -->';
const end = '<!-- /writes -->';
/** For each core: above it, others were at work. */
const busyLoad = 4;
const busy =
  '**The machine was busy with other work**: these figures compare ways at most roughly. Run it again on a quiet one.';

/** Puts the tables and the plot of a run into docs/performance.md. */
export async function writePage(
  { bars, seed }: Report,
  names: readonly WayName[],
  { callers, rounds, forMs }: Plan,
  measured: ReadonlyMap<string, Measured>,
): Promise<void> {
  const page = join(docs, 'performance.md');
  const text = await readFile(page, 'utf8');
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new Error(
      `docs/performance.md has no section between "${begin}" and "${end}": put both lines back`,
    );
  const of = (name: WayName, crowd: number) => measured.get(placeOf(name, crowd));
  const versions = Object.entries(peerVersions()).map(([name, version]) => `${name} ${version}`);
  const load = loadavg()[0] ?? 0;
  const isBusy = load > busyLoad * availableParallelism();
  const lines = [
    `Medians of ${rounds} rounds of ${forMs / 1_000} s a turn, seed ${seed}, ${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}),`,
    `load ${load.toFixed(1)} at its end; ${versions.join(', ')}.`,
    ...(isBusy ? ['', busy] : []),
    '',
    '![writes a second and p50 of all ways](writes.svg)',
    ...callers.flatMap((crowd) => ['', ...tableOf(names, crowd, of)]),
    ...(bars.length > 0 ? ['', '| bar | wanted | measured | |', '| --- | --- | --- | --- |'] : []),
    ...bars.map(({ name, want, got, ok }) => `| ${name} | ${want} | ${got} | ${ok ? 'holds' : 'missed'} |`),
  ];
  await writeFile(page, `${before}${begin}\n\n${lines.join('\n')}\n\n${end}${after}`);
  await writeFile(join(docs, 'writes.svg'), plot(names, callers, of));
}

type Of = (name: WayName, callers: number) => Measured | undefined;

function tableOf(names: readonly WayName[], callers: number, of: Of): string[] {
  const bare = of('bare', callers);
  return [
    `| ${callers} caller${callers === 1 ? '' : 's'} | answered when | writes/s | in both stores/s | × bare | p50 ms | p95 ms | p99 ms | CPU ms/write |`,
    '| --- | --- | --: | --: | --: | --: | --: | --: | --: |',
    ...names.flatMap((name) => {
      const found = of(name, callers);
      if (found === undefined) return [];
      const { title, answered } = ways[name];
      const cells = [
        shown(found.perSecond),
        name === 'primary' ? '' : shown(found.inBothPerSecond),
        bare ? shown(found.perSecond / bare.perSecond) : '',
        shown(found.p50Ms),
        shown(found.p95Ms),
        shown(found.p99Ms),
        found.cpuMsPerWrite === null ? '' : shown(found.cpuMsPerWrite),
      ];
      const when = answered === 'both' ? 'both have it' : 'one has it';
      return [`| ${title} | ${when} | ${cells.join(' | ')} |`];
    }),
  ];
}

function plot(names: readonly WayName[], callers: readonly number[], of: Of): string {
  const plain = names.map((name) => ways[name].title.replaceAll(/[*`]/g, ''));
  const strong = names.map((name) => ways[name].title.startsWith('**'));
  const panels = callers.map((crowd) =>
    crowd === 1
      ? { title: 'p50 in ms, 1 caller', values: names.map((name) => of(name, crowd)?.p50Ms ?? null) }
      : {
          title: `writes/s, ${crowd} callers`,
          values: names.map((name) => of(name, crowd)?.perSecond ?? null),
        },
  );
  return plotOf(plain, panels, strong);
}

/** Three significant digits. */
function shown(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en-US');
}
