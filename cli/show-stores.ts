import pc from 'picocolors';
import type { StoresAlone } from '../client/operator/stores-alone.ts';
import { toldOf } from '../client/temporal/told.ts';
import type { LockstepError } from '../model/failure.ts';
import type { Migration } from '../model/migration.ts';
import { type DurableState, routes } from '../model/phase.ts';
import { exitCodeOf } from './output.ts';
import type { Report } from './report.ts';
import { backlogLines, phasePath } from './status-lines.ts';

/** What the stores say of a migration for which nobody else answers. */
export async function storesReport(
  { name }: Migration,
  alone: StoresAlone,
  failure: LockstepError,
): Promise<Report> {
  const { code, message, details } = failure;
  const problems = new Set([message]);
  const known = <T>(ask: () => Promise<T>): Promise<T | null> =>
    ask().catch((error: unknown) => {
      problems.add(toldOf(error));
      return null;
    });
  // At once: a store that hangs costs the time of one question.
  const [, unreachable, stores, backlog] = await Promise.all([
    known(() => alone.assertFit()),
    known(() => alone.unreachable()),
    known(() => alone.know()),
    known(() => alone.backlog()),
  ]);
  for (const reason of unreachable ?? []) problems.add(reason);
  const error = { code, message, ...details };
  return {
    object: { migration: name, error, stores, backlog, problems: [...problems] },
    lines: [
      pc.bold(name),
      ...(stores
        ? [
            ...routeLines(stores.state),
            ...stores.setBack.map((reason) => pc.red(`restored  ${reason}; see docs/restore.md`)),
            ...backlogLines(backlog),
            ...(stores.differences === 0 ? [] : [`differ    ${stores.differences} keys are known to differ`]),
          ]
        : []),
      ...[...problems].map((problem) => pc.red(`problem   ${problem}`)),
    ],
    code: exitCodeOf(failure),
  };
}

function routeLines({ phase, epoch, open, readPercent }: DurableState): string[] {
  const { primary, secondary, reads } = routes[phase];
  return [
    `${phasePath(phase)}  epoch ${epoch}`,
    `writes    primary ${primary}${secondary ? `, secondary ${secondary}` : ''}${open ? '' : '; they wait: the primary is being changed'}`,
    `reads     ${reads === 'share' ? `${readPercent} % modern` : reads}`,
  ];
}
