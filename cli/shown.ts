/**
 * What would move the cursor, recolour, retitle or turn round what a terminal shows: control characters, and those that set the direction of text. Notes,
 * keys, ids and rows of control tables come from others, who could so hide a line or draw one that was never said. Colours and weights, as
 * this program sets them, stay.
 */
const colours = `${'\\u001b'}\\[(?:1|2|22|31|32|33|39)m`;
const unshown = new RegExp(`${colours}|[\\p{Cc}\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]`, 'gu');

/** A text as a terminal may have it. */
export function shown(text: string): string {
  return text.replaceAll(unshown, (found) => {
    if (found.length > 1 || found === '\n' || found === '\t') return found;
    return `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** The same on one line: what comes from others makes no line of its own. */
export function oneLine(text: string): string {
  return shown(text.replaceAll(/\s*[\n\r\u0085\u2028\u2029]+\s*/g, ' '));
}
