import type { WriteStream } from 'node:tty';
import pc from 'picocolors';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 120;

/** Tells the story: lines that stay, and on a terminal one line below them that keeps changing. */
export class Screen {
  readonly color: ReturnType<typeof pc.createColors>;
  readonly #stream: WriteStream;
  readonly #startedAt = Date.now();
  readonly #isLive: boolean;
  #live: (() => string) | null = null;
  #frame = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(stream: WriteStream) {
    this.#stream = stream;
    this.#isLive = stream.isTTY === true;
    this.color = pc.createColors(this.#isLive && process.env.NO_COLOR === undefined);
  }

  title(text: string): void {
    this.#print(`\n${this.color.bold(text)}\n`);
  }

  phase(name: string, meaning: string): void {
    this.#print(`\n${this.#clock()} ${this.color.cyan(this.color.bold(name))}  ${this.color.dim(meaning)}`);
  }

  say(text: string): void {
    this.#print(`${this.#clock()}   ${text}`);
  }

  good(text: string): void {
    this.say(`${this.color.green('✓')} ${text}`);
  }

  bad(text: string): void {
    this.say(`${this.color.red('✗')} ${text}`);
  }

  /** A line of another's report, such as the servers' while they start. */
  aside(text: string): void {
    this.#print(this.color.dim(`        ${text}`));
  }

  plain(text: string): void {
    this.#print(text);
  }

  /** Shows what `text` gives until `still`, on a terminal only. */
  watch(text: () => string): void {
    this.#live = text;
    if (!this.#isLive) return;
    this.#timer ??= setInterval(() => this.#draw(), frameMs);
    this.#draw();
  }

  still(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#live = null;
    this.#wipe();
  }

  #print(text: string): void {
    this.#wipe();
    this.#stream.write(`${text}\n`);
    this.#draw();
  }

  #draw(): void {
    if (!this.#isLive || !this.#live) return;
    this.#frame = (this.#frame + 1) % frames.length;
    const width = (this.#stream.columns || 80) - 3;
    const text = this.#live().slice(0, width);
    this.#stream.write(`\r\u001b[2K${this.color.cyan(frames[this.#frame] ?? '')} ${this.color.dim(text)}`);
  }

  #wipe(): void {
    if (this.#isLive) this.#stream.write('\r\u001b[2K');
  }

  #clock(): string {
    const seconds = Math.floor((Date.now() - this.#startedAt) / 1000);
    const shown = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
    return this.color.dim(shown.padStart(5));
  }
}

export function count(number: number): string {
  return number.toLocaleString('en-US');
}

export function bar(done: number, total: number, width = 16): string {
  const filled = total === 0 ? 0 : Math.min(width, Math.round((done / total) * width));
  return '█'.repeat(filled) + '░'.repeat(width - filled);
}
