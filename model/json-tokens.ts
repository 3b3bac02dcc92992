const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/**
 * The tokens of a JSON text, each as it stands there. They are parts of the text, not copies, so that a value of many megabytes
 * is in memory once. Nothing is said of their order, nor of what lies within a string.
 */
export class JsonTokens {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Empty at the end of the text. */
  next(): string {
    const text = this.#text;
    while (isBlank(text.charCodeAt(this.#at))) this.#at += 1;
    const from = this.#at;
    this.#at = this.#endOf(text[from] ?? '', from);
    return text.slice(from, this.#at);
  }

  unexpected(token: string): SyntaxError {
    return new SyntaxError(
      token === '' ? 'the JSON text ends too early' : `not JSON at character ${this.#at - token.length + 1}`,
    );
  }

  #endOf(first: string, from: number): number {
    switch (first) {
      case '':
        return from;
      case '{':
      case '}':
      case '[':
      case ']':
      case ',':
      case ':':
        return from + 1;
      case '"':
        return this.#endOfString(from);
      case 't':
        return this.#endOfWord('true', from);
      case 'f':
        return this.#endOfWord('false', from);
      case 'n':
        return this.#endOfWord('null', from);
      default:
        return this.#endOfNumber(from);
    }
  }

  #endOfString(from: number): number {
    let end = from;
    do {
      end = this.#text.indexOf('"', end + 1);
      if (end === -1) throw this.unexpected('');
    } while (this.#isEscaped(end));
    return end + 1;
  }

  /** Two backslashes are one that is escaped itself. */
  #isEscaped(quote: number): boolean {
    let first = quote;
    while (this.#text[first - 1] === '\\') first -= 1;
    return (quote - first) % 2 === 1;
  }

  #endOfWord(word: string, from: number): number {
    if (!this.#text.startsWith(word, from)) throw this.unexpected(word);
    return from + word.length;
  }

  #endOfNumber(from: number): number {
    number.lastIndex = from;
    if (!number.test(this.#text)) throw this.unexpected('?');
    return number.lastIndex;
  }
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** Whether a token is a number. */
export function isNumber(token: string): boolean {
  return /^[-\d]/.test(token);
}
