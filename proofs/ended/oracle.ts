import type { StoreName } from '../../model/failure.ts';
import type { Contents, Entry } from '../account/contents.ts';
import { tookEffect } from '../account/effects.ts';
import { lastAnswer, type Promised, type PromiseLog } from '../account/promises.ts';
import { markOf } from '../support/recorded.ts';

export function isOfTouch(operationId: string): boolean {
  return operationId.startsWith('touch-');
}

/**
 * What the stores hold, as if the journal had kept the touched writes: it forgets them once both stores have them. Of a commit that was
 * not answered the databases' own triggers tell whether it took place, and its caller is told by the log.
 *
 * @param versionOf what such a touch had been given
 */
export function withTouches(
  log: PromiseLog,
  contents: Readonly<Record<StoreName, Contents>>,
  primary: StoreName,
  versionOf: (operationId: string) => string | null,
): Record<StoreName, Contents> {
  const seen = new Set(
    [contents.legacy, contents.modern].flatMap(({ witness }) => witness.map(({ mark }) => mark)),
  );
  const isSeen = (promised: Promised) => seen.has(markOf(promised) ?? 0);
  const entries: Entry[] = [];
  for (const promised of log.all().filter(({ operationId }) => isOfTouch(operationId))) {
    const { operationId: id, key } = promised;
    const told = lastAnswer(promised);
    const given = versionOf(id);
    if (told.outcome === 'unknown') {
      if (isSeen(promised) && given !== null) log.answer(id, { outcome: 'acknowledged', version: given });
      else log.answer(id, { outcome: 'refused', code: 'NotFound' }, 'it was not committed');
    }
    const version = told.outcome === 'acknowledged' ? told.version : given;
    if (told.outcome === 'acknowledged' || isSeen(promised))
      entries.push({ id, key, status: 'completed', version, reason: null });
  }
  const kept = ({ journal, ...others }: Contents, added: readonly Entry[]): Contents => ({
    ...others,
    journal: [...journal, ...added],
  });
  return {
    legacy: kept(contents.legacy, primary === 'legacy' ? entries : []),
    modern: kept(contents.modern, primary === 'modern' ? entries : []),
  };
}

/** Of operations that belong together, those of which some took effect, and some did not. */
export function partly(
  together: readonly (readonly string[])[],
  { journal }: Contents,
): (readonly string[])[] {
  const effective = new Set(journal.filter(tookEffect).map(({ id }) => id));
  return together.filter((ids) => {
    const done = ids.filter((id) => effective.has(id)).length;
    return done > 0 && done < ids.length;
  });
}
