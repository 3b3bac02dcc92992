/** An error that nobody has foreseen, without its text: that may quote a row, a key or a statement. */
export interface Unforeseen {
  readonly type: string;
  /** What it is; of an error of the operating system also what was tried. */
  readonly message: string;
  /** Where it was thrown, as in its stack. */
  readonly frames: string;
}

export function unforeseen(error: unknown): Unforeseen {
  if (!(error instanceof Error))
    return { type: 'Error', message: 'something was thrown that is no error', frames: '' };
  const type = nameIn(error.name) ?? 'Error';
  const member = (name: string) => String(Object.getOwnPropertyDescriptor(error, name)?.value ?? '');
  const code = nameIn(member('code'));
  // What the operating system refuses is told by its call and its code.
  const tried = code === null ? null : nameIn(member('syscall'));
  const about = code === null ? '' : ` (${tried === null ? '' : `${tried} `}${code})`;
  return {
    type,
    message: `an unexpected ${type}${about}; its text stays out, because it may quote a row`,
    frames: framesOf(error),
  };
}

/** A class, an SQLSTATE or a number. */
function nameIn(text: string): string | null {
  return /^\w{1,60}$/.test(text) ? text : null;
}

/** A stack begins with the text, which may have lines that look like frames. */
function framesOf({ name, message, stack = '' }: Error): string {
  const head = message === '' ? name : `${name}: ${message}`;
  return stack.startsWith(head) ? stack.slice(head.length).trimStart() : '';
}
