import { randomInt } from 'node:crypto';

/** What nobody may see outside of where it belongs. `control` is planted on purpose, to see that the search finds. */
export const canaryKinds = ['row', 'key', 'json-key', 'password', 'secret', 'note', 'control'] as const;
export type CanaryKind = (typeof canaryKinds)[number];

/** A text of each kind that occurs nowhere else. */
export type Canaries = Readonly<Record<CanaryKind, string>>;

/** Letters alone: within JSON, URLs, SQL and shells they stand as they are. */
export function makeCanaries(): Canaries {
  return Object.fromEntries(canaryKinds.map((kind) => [kind, letters(24)])) as Canaries;
}

function letters(count: number): string {
  return Array.from({ length: count }, () => String.fromCharCode(97 + randomInt(26))).join('');
}

export type Form = 'plain' | 'upper case' | 'base64' | 'hex' | 'percent-encoded';

export interface Finding {
  readonly place: string;
  readonly kind: CanaryKind;
  readonly form: Form;
}

/** Finds canaries in texts, in whichever form they stand there. */
export class Search {
  readonly #forms: readonly { readonly kind: CanaryKind; readonly form: Form; readonly text: string }[];
  #characters = 0;

  constructor(canaries: Canaries) {
    this.#forms = canaryKinds.flatMap((kind) =>
      formsOf(canaries[kind]).map(([form, text]) => ({ kind, form, text })),
    );
  }

  /** How much was looked at. */
  get characters(): number {
    return this.#characters;
  }

  in(place: string, text: string): Finding[] {
    this.#characters += text.length;
    return this.#forms
      .filter((one) => text.includes(one.text))
      .map(({ kind, form }) => ({ place, kind, form }));
  }
}

export function formsOf(canary: string): readonly (readonly [Form, string])[] {
  const bytes = Buffer.from(canary);
  const hex = bytes.toString('hex');
  return [
    ['plain', canary],
    ['upper case', canary.toUpperCase()],
    ['hex', hex],
    ['hex', hex.toUpperCase()],
    ['percent-encoded', hex.replaceAll(/../g, '%$&').toUpperCase()],
    ['percent-encoded', hex.replaceAll(/../g, '%$&')],
    // What stands before shifts it; of the groups at its ends, others decide too.
    ...[0, 1, 2].map((before) => ['base64', innerBase64(bytes, before)] as const),
  ];
}

/** Letters and digits alone, so that it is the same in base64url. */
function innerBase64(bytes: Buffer, before: number): string {
  const text = Buffer.concat([
    Buffer.alloc(before),
    bytes,
    Buffer.alloc((3 - ((before + bytes.length) % 3)) % 3),
  ]);
  const groups = text.toString('base64').match(/.{4}/g) ?? [];
  return groups.slice(before === 0 ? 0 : 1, (before + bytes.length) % 3 === 0 ? undefined : -1).join('');
}
