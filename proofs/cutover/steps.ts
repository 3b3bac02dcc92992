import type { StoreName } from '../../model/failure.ts';
import { withLegacy, withModern } from '../account/contents.ts';
import type { StoreUrls } from '../account/environment.ts';

/** Steps of a change of primary, as the stores show them. */
export const steps = ['asked for', 'closed', 'opened'] as const;
export type Step = (typeof steps)[number];

const pollMs = 15;

/** Resolves at the step, or where the change is over before it was seen. */
export async function reached(
  step: Step,
  from: StoreName,
  urls: StoreUrls,
  isOver: () => boolean,
): Promise<void> {
  const to = from === 'legacy' ? 'modern' : 'legacy';
  while (step !== 'asked for' && !isOver()) {
    const state = await stateOf(step === 'closed' ? from : to, urls);
    if (step === 'closed' ? !state.open : state.open && state.primary === to) return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function stateOf(
  store: StoreName,
  urls: StoreUrls,
): Promise<{ readonly open: boolean; readonly primary: string }> {
  const [row] = await (store === 'legacy'
    ? withLegacy(urls.legacy, (query) => query('SELECT open, primary_store FROM lockstep_state'))
    : withModern(urls.modern, (query) => query('SELECT open, primary_store FROM lockstep.state')));
  return { open: row?.open === '1', primary: row?.primary_store ?? '' };
}
