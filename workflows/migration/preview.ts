import { failureIn } from '../../model/carried-failure.ts';
import {
  changesPrimary,
  changesWriteRoute,
  otherStore,
  type Phase,
  phaseAfter,
  phaseBefore,
  routeLeaseMs,
  routes,
} from '../../model/phase.ts';
import { bounded } from '../activities.ts';
import type { Condition, MigrationState, Preview, PreviewRequest, Step } from '../messages.ts';
import { closingConditions } from './before-closing.ts';
import { reachable, unmet } from './condition.ts';
import { conditionsOf } from './gates.ts';
import type { MigrationRun } from './run.ts';
import { stepConditions } from './steering.ts';

const statementsLimitMs = 30_000;

/** Measures what a step asks for, and tells what it would do; nothing is changed. */
export async function preview(run: MigrationRun, { step, percent }: PreviewRequest): Promise<Preview> {
  const from = run.state.phase;
  const own = stepConditions(run, step, percent);
  if (step === 'reads') {
    const raises = percent === undefined || percent > run.state.readPercent;
    const conditions = [...own, ...(raises ? await measured(async () => [await reachable()]) : [])];
    const steps = [`write the share of reads, ${percent ?? '?'} %, to both stores`];
    return { step, from, to: from, conditions, steps, statements: [] };
  }
  const to = targetOf(step, from);
  if (to === null) return { step, from, to, conditions: own, steps: [], statements: [] };
  const conditions = [...own, ...(await measured(() => gateConditions(run, step, to)))];
  const [statements, unplanned] = await statementsOf(from, to);
  return { step, from, to, conditions: [...conditions, ...unplanned], steps: stepsOf(run, to), statements };
}

/** Null where there is no such step in the phase: what another step would do is not shown for it. */
function targetOf(step: Step, from: Phase): Phase | null {
  if (step === 'rollback') return phaseBefore(from);
  return (step === 'decommission') === (from === 'modern-only') ? phaseAfter(from) : null;
}

async function gateConditions(run: MigrationRun, step: Preview['step'], to: Phase): Promise<Condition[]> {
  const { migration, policy } = run.input;
  const { phase } = run.state;
  const conditions = step === 'rollback' ? [] : await conditionsOf(to, run);
  if (!changesPrimary(phase, to)) return conditions;
  if (step === 'rollback') conditions.push(await reachable());
  if (conditions.some(({ name, met }) => name === 'reachable' && !met)) return conditions;
  const known = new Set(conditions.map(({ name }) => name));
  const closing = await closingConditions({ migration, phase }, policy);
  return [...conditions, ...closing.filter(({ name }) => !known.has(name))];
}

/** A failure that says what is wrong is a condition that is not met. */
async function measured(measure: () => Promise<Condition[]>): Promise<Condition[]> {
  try {
    return await measure();
  } catch (error) {
    const known = failureIn(error);
    if (known === null) throw error;
    const name = known.details.gate ?? known.code;
    return [
      unmet(name, { measured: known.details.measured ?? {}, wanted: 'no failure', remedy: known.message }),
    ];
  }
}

async function statementsOf(from: Phase, to: Phase): Promise<[Preview['statements'], Condition[]]> {
  const primes =
    changesPrimary(from, to) || (routes[to].primary === 'modern' && routes[to].secondary === null);
  const plan = { prime: primes ? routes[to].primary : null, retire: to === 'decommissioned' };
  if (!primes && !plan.retire) return [[], []];
  let statements: Preview['statements'] = [];
  const failed = await measured(async () => {
    statements = await bounded(statementsLimitMs).planStatements(plan);
    return [];
  });
  return [statements, failed];
}

/** In the order in which `advance` and `rollback` do them. */
function stepsOf({ state, input: { policy } }: MigrationRun, to: Phase): string[] {
  const { phase: from, epoch } = state;
  const steps = changesPrimary(from, to) ? changeOfPrimary(state, to, policy.drainLimitMs) : [];
  const { primary, secondary } = routes[to];
  if (steps.length === 0) {
    if (secondary === null && primary === 'modern') steps.push('let modern count on above the rows it has');
    if (routes[from].secondary !== null && secondary === null)
      steps.push(`wait ${routeLeaseMs} ms, until no service reads by the route before`);
    const next = changesWriteRoute(from, to) ? epoch + 1 : epoch;
    steps.push(`write the route of ${to} to ${otherStore(primary)}, then to ${primary}, under epoch ${next}`);
  }
  if (to === 'backfill') steps.push('start the backfill');
  if (to === 'validate') steps.push(`compare a sample of ${policy.sampleSize} keys of each entity`);
  if (to === 'decommissioned') {
    const { dropLegacyAfterMs } = policy;
    steps.push('remove the triggers of --capture, rename the legacy tables');
    steps.push(
      dropLegacyAfterMs === null
        ? 'leave the renamed tables to be dropped by a person'
        : `drop the renamed tables after ${dropLegacyAfterMs} ms; until then lockstep decommission --undo gives them back`,
    );
  }
  return steps;
}

function changeOfPrimary({ phase, epoch }: MigrationState, to: Phase, drainLimitMs: number): string[] {
  const old = routes[phase].primary;
  const next = routes[to].primary;
  return [
    `copy to ${next} what ${old} has decided, and let ${next} count on above its rows`,
    `close ${old}, then ${next}, to new writes under epoch ${epoch + 1}; writes wait from here, for ${drainLimitMs} ms at most`,
    `bring to ${next} what is still pending, and count on again`,
    `open ${next} as the primary under epoch ${epoch + 2}, and tell ${old}; if a step before fails, ${old} opens again`,
  ];
}
