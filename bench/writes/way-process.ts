import { inspect } from 'node:util';
import { accountsOf } from './accounts.ts';
import { type Turn, type TurnLength, takeTurn } from './turn.ts';
import type { Open, Place } from './way.ts';

export type Request =
  | { readonly open: Place; readonly file: string; readonly seed: number }
  | { readonly callers: number; readonly length: TurnLength };
export type Answer = { readonly done: Turn | null } | { readonly failed: string };

/** How long a way may take to close when the bench is gone. */
const closeMs = 20_000;
const standing = new AsyncDisposableStack();
let turn: (callers: number, length: TurnLength) => Promise<Turn> = () =>
  Promise.reject(new Error('no way is open in this process'));

async function answerTo(request: Request): Promise<Turn | null> {
  if ('callers' in request) return await turn(request.callers, request.length);
  const { open }: { open: Open } = await import(new URL(request.file, import.meta.url).href);
  const way = standing.use(await open(request.open));
  const next = accountsOf(request.seed);
  turn = (callers, length) => takeTurn(way, next, callers, length);
  return null;
}

process.on('message', (request: Request) => {
  void answerTo(request)
    .then(
      (done): Answer => ({ done }),
      (error): Answer => ({ failed: inspect(error) }),
    )
    .then((answer) => process.send?.(answer));
});

// The bench's own end is the one sign to close: it comes on success, on failure, on an interrupt, and when the bench is killed.
process.once('disconnect', () => {
  setTimeout(() => process.exit(1), closeMs).unref();
  void standing.disposeAsync().finally(() => process.exit());
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
