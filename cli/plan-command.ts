import type { Command } from 'commander';
import { type EntityPlan, planBackfill } from '../client/operator/backfill-plan.ts';
import { planPreparation } from '../client/operator/prepare.ts';
import { openSession } from './session.ts';

export function addPlanCommand(program: Command): void {
  program
    .command('plan')
    .description('show how each entity would be copied and what prepare would run; changes nothing')
    .option('--scan', 'also read every row, and count those that the other store would refuse as they are')
    .action(async ({ scan = false }: { scan?: boolean }, command: Command) => {
      const { migration, output } = await openSession(command);
      const { statements } = await planPreparation(migration, process.env);
      const plan = await planBackfill(migration, process.env, { scan });
      const prepare = { legacy: statements.legacy.length, modern: statements.modern.length };
      output.result({ ...plan, prepareStatements: prepare }, [
        `copy      ${plan.addresses[plan.from]} (${plan.from}) to ${plan.addresses[plan.to]} (${plan.to})`,
        `prepare   ${prepare.legacy} statements in legacy, ${prepare.modern} in modern; lockstep prepare --dry-run shows them`,
        ...(plan.slowLoadReason === null ? [] : [`slow      ${plan.slowLoadReason}`]),
        ...(plan.captureUnavailableReason === null
          ? []
          : [`capture   prepare --capture would fail: ${plan.captureUnavailableReason}`]),
        ...(plan.captureGap === null ? [] : [`capture   with prepare --capture, ${plan.captureGap}`]),
        ...plan.entities.flatMap(entityLines),
      ]);
    });
}

function entityLines(plan: EntityPlan): string[] {
  const { entity, keys, ranges, way, converted, indexesForLater, unfit } = plan;
  const means = {
    rows: 'as rows, column by column',
    images: 'as images, through the shape functions',
  };
  return [
    `${entity}: about ${keys} keys in ${ranges} range${ranges === 1 ? '' : 's'}, ${means[way]}`,
    ...(converted.length > 0 ? [`  converted: ${converted.join(', ')}`] : []),
    ...indexesForLater.map((statement) => `  index that can be created after the copy: ${statement}`),
    ...(unfit ?? []).map(({ at, reason, rows }) => `  ${rows} row${rows === 1 ? '' : 's'}: ${at} ${reason}`),
    ...(unfit?.length === 0 ? ['  every row fits'] : []),
  ];
}
