import type { StoreName } from '../../model/failure.ts';

/** Why a write is refused that would erase what a shape does not give back. */
export function lossMessage(entity: string, store: StoreName, loss: string): string {
  return (
    `${entity}: the ${store} store has more of the record than its shape holds: ${loss}, and the write would erase it; ` +
    "correct the rows, let the shape hold them, or say lossy: 'allow' on the shape"
  );
}
