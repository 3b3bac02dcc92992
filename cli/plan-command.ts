import type { Command } from 'commander';
import { type EntityPlan, planBackfill } from '../client/operator/backfill-plan.ts';
import { planPreparation } from '../client/operator/prepare.ts';
import { openSession } from './session.ts';

export function addPlanCommand(program: Command): void {
  program
    .command('plan')
    .description('show how each entity would be copied and what prepare would run; changes nothing')
    .action(async (_: unknown, command: Command) => {
      const { migration, output } = await openSession(command);
      const { statements } = await planPreparation(migration, process.env);
      const plan = await planBackfill(migration, process.env);
      const prepare = { legacy: statements.legacy.length, modern: statements.modern.length };
      output.result({ ...plan, prepareStatements: prepare }, [
        `copy      ${plan.addresses[plan.from]} (${plan.from}) to ${plan.addresses[plan.to]} (${plan.to})`,
        `prepare   ${prepare.legacy} statements in legacy, ${prepare.modern} in modern; lockstep prepare --dry-run shows them`,
        ...(plan.slowLoadReason === null ? [] : [`slow      ${plan.slowLoadReason}`]),
        ...(plan.captureUnavailableReason === null
          ? []
          : [`capture   prepare --capture would fail: ${plan.captureUnavailableReason}`]),
        ...plan.entities.flatMap(entityLines),
      ]);
    });
}

function entityLines({ entity, keys, ranges, way, converted, indexesForLater }: EntityPlan): string[] {
  const means = {
    rows: 'as rows, column by column',
    images: 'as images, through the shape functions',
  };
  return [
    `${entity}: about ${keys} keys in ${ranges} range${ranges === 1 ? '' : 's'}, ${means[way]}`,
    ...(converted.length > 0 ? [`  converted: ${converted.join(', ')}`] : []),
    ...indexesForLater.map((statement) => `  index that can be created after the copy: ${statement}`),
  ];
}
