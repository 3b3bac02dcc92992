const chunkMs = 500;
/** While live writes go on: a write of its keys waits for it. Much shorter, it would be all overhead on a slow machine. */
const liveChunkMs = 250;
/** What is done with keys at a stretch holds up the writes in this process. */
const maxLiveKeys = 10_000;
const maxBytes = 4 * 1024 * 1024;
/** Of pages as large as this, one is enough to keep in memory. */
export const hugeBytes = 8 * 1024 * 1024;
const firstKeys = 1_000;
/** Fewer would be all overhead, however slow the stores are at the moment. */
const minKeys = 500;

/** How many keys the next chunk takes: about as many as fit into the time that it may take, and never more than fit into memory with ease. */
export class ChunkSize {
  readonly #most: number;
  #keys: number;
  #last: { readonly keys: number; readonly bytes: number } = { keys: 0, bytes: 0 };

  constructor(most: number) {
    this.#most = Math.max(1, Math.floor(most));
    this.#keys = Math.min(this.#most, firstKeys);
  }

  /** Whether the last chunk took so much memory that the next one should be alone in it. */
  get isHuge(): boolean {
    return this.#last.bytes >= hugeBytes;
  }

  /** @param keysPerSecond null is unlimited */
  keys(keysPerSecond: number | null): number {
    return keysPerSecond === null
      ? this.#keys
      : Math.max(1, Math.min(this.#keys, Math.floor(keysPerSecond / 2)));
  }

  /** At most twice as many as before, because few rows tell little of those to come. */
  learn(chunk: {
    readonly keys: number;
    readonly bytes: number;
    readonly ms: number;
    readonly live: boolean;
  }): void {
    if (chunk.keys === 0) return;
    this.#last = chunk;
    const wanted = chunk.live ? liveChunkMs : chunkMs;
    const inTime = Math.max(minKeys, (chunk.keys * wanted) / Math.max(1, chunk.ms));
    const most = chunk.live ? Math.min(this.#most, maxLiveKeys) : this.#most;
    const inMemory = chunk.bytes === 0 ? this.#most : (chunk.keys * maxBytes) / chunk.bytes;
    const grown = Math.max(this.#keys, chunk.keys) * 2;
    this.#keys = Math.max(1, Math.floor(Math.min(inTime, inMemory, grown, most)));
  }

  /** As `learn`, of keys whose rows are left for later: they count as large as those before, and their time is yet to come. */
  learnPostponed({ keys, live }: { readonly keys: number; readonly live: boolean }): void {
    const bytesPerKey = this.#last.bytes / Math.max(1, this.#last.keys);
    this.learn({ keys, bytes: keys * bytesPerKey, ms: 1, live });
  }
}
