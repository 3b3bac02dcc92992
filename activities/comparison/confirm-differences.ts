import { Context } from '@temporalio/activity';
import { type Key, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { WriteRoute } from '../../model/operation.ts';
import type { ActivityContext } from '../context.ts';
import { createDifferenceClassifier, isAhead, type KeyFinding } from './classify-difference.ts';
import { pendingKeys } from './differing-fields.ts';

export interface ConfirmedDifferences {
  readonly differing: readonly KeyFinding[];
  readonly ambiguous: readonly KeyFinding[];
  /** Keys that still changed at the last read, or whose write is still pending. */
  readonly inFlight: readonly KeyFinding[];
}

const keysPerPage = 500;
const maxReads = 3;

/** Tells what differs from what is on its way between the stores. */
export function createDifferenceConfirmer(context: Pick<ActivityContext, 'migration' | 'stores' | 'wait'>) {
  const { migration, wait } = context;
  const { findingsOf } = createDifferenceClassifier(context);

  /** @param counts which findings count at all; default: every one */
  async function confirm(
    entity: Entity,
    keys: readonly Key[],
    route: WriteRoute,
    counts: (finding: KeyFinding) => boolean = () => true,
  ): Promise<ConfirmedDifferences> {
    const pages: ConfirmedDifferences[] = [];
    for (let at = 0; at < keys.length; at += keysPerPage)
      pages.push(await confirmPage(entity, keys.slice(at, at + keysPerPage), route, counts));
    return {
      differing: pages.flatMap((page) => page.differing),
      ambiguous: pages.flatMap((page) => page.ambiguous),
      inFlight: pages.flatMap((page) => page.inFlight),
    };
  }

  /**
   * A difference counts when two reads agree on the versions, and the journal, read between them, has nothing pending
   * for the key. Where a write is under way, or has reached the secondary first, the next read comes after a pause.
   */
  async function confirmPage(
    entity: Entity,
    keys: readonly Key[],
    route: WriteRoute,
    counts: (finding: KeyFinding) => boolean,
  ): Promise<ConfirmedDifferences> {
    const differing: KeyFinding[] = [];
    const ambiguous: KeyFinding[] = [];
    let open: KeyFinding[] = [];
    let before = new Map<string, string>();
    let pending = new Set<string>();
    for (let read = 1; read <= maxReads; read++) {
      const keysToRead = read === 1 ? keys : open.map((finding) => finding.key);
      const findings = (await findingsOf(entity, keysToRead, route)).filter(counts);
      ambiguous.push(...findings.filter((finding) => finding.verdict === 'ambiguous'));
      const found = findings.filter(({ verdict }) => verdict !== null && verdict !== 'ambiguous');
      const isUnchanged = (finding: KeyFinding) => {
        const text = keyText(finding.key);
        return before.get(text) === versionsOf(finding) && !pending.has(text);
      };
      const isConfirmed = (finding: KeyFinding) =>
        isUnchanged(finding) && (!isAhead(finding) || read === maxReads);
      differing.push(...found.filter(isConfirmed));
      open = found.filter((finding) => !isConfirmed(finding));
      if (open.length === 0 || read === maxReads) break;
      pending = await pendingKeys(context, entity, route);
      const known = before;
      before = new Map(open.map((finding) => [keyText(finding.key), versionsOf(finding)]));
      const isChanging = (text: string) => known.has(text) && known.get(text) !== before.get(text);
      if (
        open.some((finding) => isAhead(finding)) ||
        [...before.keys()].some((text) => pending.has(text) || isChanging(text))
      )
        await waitBeforeRecheck(migration.policy.recheckDelayMs);
    }
    return { differing, ambiguous, inFlight: open };
  }

  async function waitBeforeRecheck(ms: number): Promise<void> {
    const until = Date.now() + ms;
    while (Date.now() < until) {
      await wait(Math.min(1_000, until - Date.now()));
      Context.current().heartbeat();
    }
  }

  return { confirm };
}

function versionsOf({ primary, secondary }: KeyFinding): string {
  return `${primary.version}/${secondary.version}`;
}
