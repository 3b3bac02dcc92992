import { atLeast, atMost, type Bar } from '../../proofs/report.ts';
import { rounded } from '../bench.ts';
import { type Measured, placeOf } from './rounds.ts';
import type { WayName } from './ways.ts';

type Figure = 'perSecond' | 'p50Ms';

interface Wanted {
  readonly way: WayName;
  /** The best of these counts, where there are several. */
  readonly against: readonly WayName[];
  readonly callers: number;
  readonly figure: Figure;
  readonly limit: number;
}

const wanted: readonly Wanted[] = [
  { way: 'group', against: ['older'], callers: 32, figure: 'perSecond', limit: 10 },
  { way: 'group', against: ['older'], callers: 256, figure: 'perSecond', limit: 30 },
  { way: 'group', against: ['older'], callers: 1, figure: 'p50Ms', limit: 1 },
  { way: 'embeddedBoth', against: ['dbos1', 'restate'], callers: 1, figure: 'p50Ms', limit: 1.5 },
  { way: 'embeddedBoth', against: ['dbos1', 'restate'], callers: 32, figure: 'perSecond', limit: 2 },
  { way: 'embeddedBoth', against: ['bare'], callers: 256, figure: 'perSecond', limit: 0.8 },
  { way: 'journal', against: ['bare'], callers: 1, figure: 'p50Ms', limit: 1.5 },
  { way: 'journal', against: ['bare'], callers: 32, figure: 'perSecond', limit: 0.9 },
];

/** Those whose ways were all measured. Times have an upper limit, rates a lower one. */
export function barsOf(measured: ReadonlyMap<string, Measured>): readonly Bar[] {
  return wanted.flatMap(({ way, against, callers, figure, limit }) => {
    const own = measured.get(placeOf(way, callers));
    const others = against.map((other) => measured.get(placeOf(other, callers)));
    if (own === undefined || others.includes(undefined)) return [];
    const figures = others.flatMap((other) => (other === undefined ? [] : [other[figure]]));
    const isTime = figure === 'p50Ms';
    const ratio = rounded(own[figure] / (isTime ? Math.min(...figures) : Math.max(...figures)));
    const best = against.length > 1 ? `the best of ${against.join(' and ')}` : against[0];
    const name = `${isTime ? 'p50' : 'writes/s'} with ${callers} caller${callers === 1 ? '' : 's'}, ${way} ÷ ${best}`;
    return [isTime ? atMost(name, limit, ratio) : atLeast(name, limit, ratio)];
  });
}
