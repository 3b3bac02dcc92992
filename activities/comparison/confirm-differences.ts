import { Context } from '@temporalio/activity';
import { type Key, keyText } from '../../model/canonical.ts';
import type { Entity } from '../../model/entity.ts';
import type { WriteRoute } from '../../model/operation.ts';
import { isNewer } from '../../model/version.ts';
import type { ActivityContext } from '../context.ts';
import { type Finding, judgement } from './classify-difference.ts';
import { owedKeys } from './differing.ts';

export interface Confirmed {
  readonly differing: readonly Finding[];
  readonly ambiguous: readonly Finding[];
  /** Keys that still changed at the last look, or whose write is still owed. */
  readonly inFlight: number;
}

const keysPerPage = 500;
const looks = 3;

/** Tells what differs from what is on its way between the stores. */
export function secondLooks(context: Pick<ActivityContext, 'migration' | 'stores' | 'wait'>) {
  const { migration, wait } = context;
  const { lookAt } = judgement(context);

  /** @param counts which findings count at all; default: every one */
  async function confirm(
    entity: Entity,
    keys: readonly Key[],
    route: WriteRoute,
    counts: (finding: Finding) => boolean = () => true,
  ): Promise<Confirmed> {
    const pages: Confirmed[] = [];
    for (let at = 0; at < keys.length; at += keysPerPage)
      pages.push(await confirmPage(entity, keys.slice(at, at + keysPerPage), route, counts));
    return {
      differing: pages.flatMap((page) => page.differing),
      ambiguous: pages.flatMap((page) => page.ambiguous),
      inFlight: pages.reduce((sum, page) => sum + page.inFlight, 0),
    };
  }

  /**
   * A difference counts when two looks agree on the versions, and the journal, read between them, owes the key nothing. Where
   * a write is under way, or the secondary is ahead of it, the next look comes after a pause.
   */
  async function confirmPage(
    entity: Entity,
    keys: readonly Key[],
    route: WriteRoute,
    counts: (finding: Finding) => boolean,
  ): Promise<Confirmed> {
    const differing: Finding[] = [];
    const ambiguous: Finding[] = [];
    let open: Finding[] = [];
    let before = new Map<string, string>();
    let owed = new Set<string>();
    for (let look = 1; look <= looks; look++) {
      const looked = look === 1 ? keys : open.map((finding) => finding.key);
      const findings = (await lookAt(entity, looked, route)).filter(counts);
      ambiguous.push(...findings.filter((finding) => finding.verdict === 'ambiguous'));
      const found = findings.filter(({ verdict }) => verdict !== null && verdict !== 'ambiguous');
      const atRest = (finding: Finding) => {
        const text = keyText(finding.key);
        return before.get(text) === versionsOf(finding) && !owed.has(text);
      };
      const settled = (finding: Finding) => atRest(finding) && (!isAhead(finding) || look === looks);
      differing.push(...found.filter(settled));
      open = found.filter((finding) => !settled(finding));
      if (open.length === 0 || look === looks) break;
      owed = await owedKeys(context, entity, route);
      const known = before;
      before = new Map(open.map((finding) => [keyText(finding.key), versionsOf(finding)]));
      const moves = (text: string) => known.has(text) && known.get(text) !== before.get(text);
      if (
        open.some((finding) => isAhead(finding)) ||
        [...before.keys()].some((text) => owed.has(text) || moves(text))
      )
        await settling(migration.policy.settleMs);
    }
    return { differing, ambiguous, inFlight: open.length };
  }

  async function settling(ms: number): Promise<void> {
    const until = Date.now() + ms;
    while (Date.now() < until) {
      await wait(Math.min(1_000, until - Date.now()));
      Context.current().heartbeat();
    }
  }

  return { confirm };
}

function versionsOf({ primary, secondary }: Finding): string {
  return `${primary.version}/${secondary.version}`;
}

/** A write that reached the secondary between our two reads, or before the primary. */
function isAhead({ primary, secondary }: Finding): boolean {
  return isNewer(secondary.version, primary.version);
}
