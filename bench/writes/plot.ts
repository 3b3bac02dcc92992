const width = 760;
const labels = 200;
const gap = 16;
const row = 20;
const top = 44;

export interface Panel {
  readonly title: string;
  /** A value for each label; null leaves its line empty. */
  readonly values: readonly (number | null)[];
}

/**
 * An SVG of panels side by side, each with a line a label: a dot on a logarithmic scale, and its value. It has no background, and
 * colours that can be read on a light page and on a dark one.
 *
 * @param strong which labels are ours
 */
export function plotOf(
  names: readonly string[],
  panels: readonly Panel[],
  strong: readonly boolean[],
): string {
  const height = top + names.length * row + 10;
  const space = (width - labels - gap * panels.length) / panels.length;
  const texts = names.map(
    (name, at) =>
      `<text x="${labels - 8}" y="${middle(at)}" text-anchor="end"${strong[at] ? ' class="own"' : ''}>${escaped(name)}</text>`,
  );
  const drawn = panels.map((panel, at) => panelOf(panel, labels + at * (space + gap), space, strong));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">
<title>Writes a second, and the median time of a write</title>
<style>
text { font: 12px system-ui, sans-serif; fill: #57606a; }
.own, .title { font-weight: 600; fill: #1f2328; }
.line { stroke: #8c959f; stroke-width: 1; opacity: 0.5; }
.dot { fill: #6e7781; }
.own-dot { fill: #0969da; }
@media (prefers-color-scheme: dark) {
  text { fill: #9ea7b3; }
  .own, .title { fill: #f0f3f6; }
  .dot { fill: #9ea7b3; }
  .own-dot { fill: #58a6ff; }
}
</style>
${[...texts, ...drawn].join('\n')}
</svg>
`;
}

function panelOf({ title, values }: Panel, left: number, space: number, strong: readonly boolean[]): string {
  const known = values.filter((value) => value !== null);
  const from = 10 ** Math.floor(Math.log10(Math.min(...known)) - 0.001);
  const to = Math.max(...known);
  // The value of the largest stands right of its dot.
  const room = space - 48;
  const at = (value: number) => left + (room * Math.log(value / from)) / Math.log(to / from);
  const dots = values.flatMap((value, index) =>
    value === null
      ? []
      : [
          `<line class="line" x1="${left}" x2="${at(value).toFixed(1)}" y1="${middle(index) - 4}" y2="${middle(index) - 4}"/>`,
          `<circle class="${strong[index] ? 'own-dot' : 'dot'}" cx="${at(value).toFixed(1)}" cy="${middle(index) - 4}" r="4"/>`,
          `<text x="${(at(value) + 8).toFixed(1)}" y="${middle(index)}"${strong[index] ? ' class="own"' : ''}>${shown(value)}</text>`,
        ],
  );
  return [`<text class="title" x="${left}" y="20">${escaped(title)}</text>`, ...dots].join('\n');
}

function middle(index: number): number {
  return top + index * row + row / 2 + 4;
}

/** Three significant digits. */
function shown(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en-US');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
