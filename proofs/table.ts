import pc from 'picocolors';
import type { Figures, Report } from './report.ts';

/** A report for a person. */
export function tableOf({ name, seed, pass, bars, figures }: Report): string {
  const rows = bars.map(({ name: bar, want, got }) => [bar, want, String(got)]);
  const widths = [0, 1, 2].map((at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const lines = bars.map(({ ok }, index) => {
    const cells = (rows[index] ?? []).map((cell, at) => cell.padEnd(widths[at] ?? 0));
    return `  ${ok ? pc.green('✓') : pc.red('✗')} ${cells.join('  ').trimEnd()}`;
  });
  const verdict = pass ? pc.green('holds') : pc.red('does not hold');
  return [`${pc.bold(name)}, seed ${seed}: ${verdict}`, ...lines, '', ...figureLines(figures, '  ')].join(
    '\n',
  );
}

function figureLines(figures: Figures, indent: string): string[] {
  return Object.entries(figures).flatMap(([name, value]) => {
    if (isFigures(value)) return [`${indent}${name}`, ...figureLines(value, `${indent}  `)];
    if (Array.isArray(value))
      return value.length === 0 ? [] : [`${indent}${name}`, ...value.map((line) => `${indent}  ${line}`)];
    return [`${indent}${name} ${value}`];
  });
}

function isFigures(value: Figures[string]): value is Figures {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
