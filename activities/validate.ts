import { Context } from '@temporalio/activity';
import { currentState } from '../databases/state.ts';
import type { Difference, Store, Stored, Verdict } from '../databases/store.ts';
import { canonicalText, type Key, keyFromText, keyText } from '../model/canonical.ts';
import { digestOf } from '../model/digest.ts';
import type { Entity } from '../model/entity.ts';
import { sharedRecords } from '../model/field.ts';
import { entityNamed } from '../model/migration.ts';
import { routeOf, type WriteRoute } from '../model/operation.ts';
import { otherStore } from '../model/phase.ts';
import { isNewer } from '../model/version.ts';
import { differingFields, owedKeys } from './compared.ts';
import type { ActivityContext } from './context.ts';
import { beating } from './heartbeat.ts';

/** What a stretch of a comparison found. */
export interface Compared {
  readonly compared: number;
  readonly differences: number;
  readonly ambiguous: number;
  readonly inFlight: number;
  /** Where a full comparison goes on; null at the end. */
  readonly next: Position | null;
}

/** A full comparison walks the primary's keys, then looks in the secondary for keys that the primary does not have. */
export interface Position {
  readonly side: 'primary' | 'secondary';
  readonly after: string | null;
}

const keysPerPage = 200;
const looks = 3;
const verdicts: readonly Verdict[] = [
  'missing',
  'mismatch',
  'extra',
  'stale',
  'ambiguous',
  'unreadable',
  'refused',
];

export function validateActivities(context: ActivityContext) {
  const { migration, stores, wait } = context;

  async function comparisonRoute(): Promise<WriteRoute> {
    const route = routeOf(await currentState(context));
    return { ...route, secondary: otherStore(route.primary) };
  }

  /** Starts a validation: earlier findings are about another moment. */
  async function forgetDifferences(request: { entity: string }): Promise<void> {
    const route = await comparisonRoute();
    await stores[route.primary].clearDifferences(migration.name, request.entity, verdicts);
  }

  /** Compares a uniform sample of the keys of either store. */
  async function compareSample(request: { entity: string; count: number; seed: number }): Promise<Compared> {
    const entity = entityNamed(migration, request.entity);
    const route = await comparisonRoute();
    const samples = await beating(() =>
      Promise.all(
        [stores.legacy, stores.modern].map((store) => store.sample(entity, request.count, request.seed)),
      ),
    );
    const keys = new Map(samples.flat().map((key) => [keyText(key), key]));
    let total = nothing;
    for (const page of pages([...keys.values()])) {
      total = sum(total, await beating(() => comparePage(entity, page, route)));
      Context.current().heartbeat({ compared: total.compared });
    }
    return total;
  }

  /** Compares everything, for about `sliceMs` from `from` on. */
  async function compareSlice(request: {
    entity: string;
    from: Position;
    sliceMs: number;
  }): Promise<Compared> {
    const entity = entityNamed(migration, request.entity);
    const route = await comparisonRoute();
    const until = Date.now() + request.sliceMs;
    let total = nothing;
    let position: Position | null = request.from;
    while (position && Date.now() < until && !Context.current().cancellationSignal.aborted) {
      const { side, after }: Position = position;
      const store: Store = stores[side === 'primary' ? route.primary : otherStore(route.primary)];
      const page: Key[] = await store.keys(entity, {
        after: after === null ? null : keyFromText(after),
        upTo: null,
        limit: keysPerPage,
      });
      const keys = side === 'primary' ? page : await unknownTo(entity, page, route);
      total = sum(total, await beating(() => comparePage(entity, keys, route)));
      Context.current().heartbeat({ compared: total.compared });
      const last = page.at(-1);
      if (last && page.length === keysPerPage) position = { side, after: keyText(last) };
      else position = side === 'primary' ? { side: 'secondary', after: null } : null;
    }
    return { ...total, next: position };
  }

  async function unknownTo(entity: Entity, keys: readonly Key[], route: WriteRoute): Promise<Key[]> {
    const stored = await stores[route.primary].read(entity, keys);
    return stored
      .filter((record) => record.image === null && record.unreadable === null)
      .map((record) => record.key);
  }

  /** A pair that differs gets time to settle and is looked at again, because a write may be between the stores. */
  async function comparePage(entity: Entity, keys: readonly Key[], route: WriteRoute): Promise<Compared> {
    let open = [...keys];
    let found: Finding[] = [];
    let moving = new Set<string>();
    let versions = new Map<string, string>();
    const ambiguous: Finding[] = [];
    for (let look = 1; look <= looks && open.length > 0; look++) {
      if (look > 1) await settling(migration.policy.settleMs);
      const findings = await lookAt(entity, open, route);
      ambiguous.push(...findings.filter((finding) => finding.verdict === 'ambiguous'));
      found = findings.filter((finding) => finding.verdict !== null && finding.verdict !== 'ambiguous');
      const before = versions;
      versions = new Map(found.map((finding) => [keyText(finding.key), finding.versions]));
      moving = new Set(
        [...versions.keys()].filter((text) => before.has(text) && before.get(text) !== versions.get(text)),
      );
      open = found.map((finding) => finding.key);
    }
    const owed = open.length > 0 ? await owedKeys(context, entity, route) : new Set<string>();
    const confirmed = found.filter((finding) => {
      const text = keyText(finding.key);
      return !owed.has(text) && !moving.has(text);
    });
    await stores[route.primary].recordDifferences(
      migration.name,
      [...confirmed, ...ambiguous].map(differenceOf(entity)),
    );
    return {
      compared: keys.length,
      differences: confirmed.length,
      ambiguous: ambiguous.length,
      inFlight: found.length - confirmed.length,
      next: null,
    };
  }

  async function lookAt(entity: Entity, keys: readonly Key[], route: WriteRoute): Promise<Finding[]> {
    const [primary, secondary] = await Promise.all([
      stores[route.primary].read(entity, keys),
      stores[otherStore(route.primary)].read(entity, keys),
    ]);
    const findings: Finding[] = [];
    for (const [index, left] of primary.entries()) {
      const right = secondary[index];
      if (!right) throw new TypeError('a read gave fewer records than keys');
      findings.push(await judge(entity, left, right));
    }
    return findings;
  }

  async function judge(entity: Entity, left: Stored, right: Stored): Promise<Finding> {
    const versions = `${left.version}/${right.version}`;
    const finding = (verdict: Verdict | null, reason = ''): Finding => ({
      key: left.key,
      verdict,
      reason,
      versions,
    });
    if (left.unreadable !== null) return finding('unreadable', left.unreadable);
    if (right.unreadable !== null) return finding('unreadable', right.unreadable);
    if (left.image === null || right.image === null) {
      if (left.image === right.image) return finding(null);
      if (left.image !== null) return finding('missing', 'the secondary does not have the key');
      return finding('extra', 'only the secondary has the key');
    }
    const differing = differingFields(entity, left.image, right.image);
    if (differing.length > 0) {
      const behind = isNewer(left.version, right.version);
      return finding(behind ? 'stale' : 'mismatch', `fields ${differing.join(', ')}`);
    }
    if (canonicalText(left.image) !== canonicalText(right.image))
      return await judgeShared(entity, left, right, finding);
    return isNewer(left.version, right.version)
      ? finding('stale', 'equal images, but the secondary has an older version')
      : finding(null);
  }

  /** Own parts are equal, shared ones differ: loss, or a denormalized store whose copies disagree among themselves? */
  async function judgeShared(
    entity: Entity,
    left: Stored,
    right: Stored,
    finding: (verdict: Verdict | null, reason?: string) => Finding,
  ): Promise<Finding> {
    if (!left.image || !right.image) throw new TypeError('only images have shared parts');
    const others = new Map(
      sharedRecords(entity.fields, right.image).map((shared) => [
        `${shared.name}${keyText(shared.key)}`,
        shared,
      ]),
    );
    for (const shared of sharedRecords(entity.fields, left.image)) {
      const other = others.get(`${shared.name}${keyText(shared.key)}`);
      if (!other || digestOf(other.record) === digestOf(shared.record)) continue;
      const copies = (
        await Promise.all(
          [stores.legacy, stores.modern].map((store) => store.sharedCopies(entity, shared.name, shared.key)),
        )
      ).flat();
      const digests = new Set(copies.map(digestOf));
      const explained =
        digests.size > 1 && digests.has(digestOf(shared.record)) && digests.has(digestOf(other.record));
      if (!explained) return finding('mismatch', `shared record ${shared.name}`);
    }
    return finding('ambiguous', 'the denormalized store holds several copies of a shared record');
  }

  async function settling(ms: number): Promise<void> {
    const until = Date.now() + ms;
    while (Date.now() < until) {
      await wait(Math.min(1_000, until - Date.now()));
      Context.current().heartbeat();
    }
  }

  return { forgetDifferences, compareSample, compareSlice };
}

interface Finding {
  readonly key: Key;
  readonly verdict: Verdict | null;
  readonly reason: string;
  readonly versions: string;
}

const nothing: Compared = { compared: 0, differences: 0, ambiguous: 0, inFlight: 0, next: null };

function sum(left: Compared, right: Compared): Compared {
  return {
    compared: left.compared + right.compared,
    differences: left.differences + right.differences,
    ambiguous: left.ambiguous + right.ambiguous,
    inFlight: left.inFlight + right.inFlight,
    next: null,
  };
}

function differenceOf(entity: Entity) {
  return (finding: Finding): Difference => ({
    entity: entity.name,
    key: finding.key,
    verdict: finding.verdict ?? 'mismatch',
    reason: finding.reason,
  });
}

function* pages(keys: readonly Key[]): Generator<readonly Key[]> {
  for (let at = 0; at < keys.length; at += keysPerPage) yield keys.slice(at, at + keysPerPage);
}
