import pc from 'picocolors';
import type { MigrationControl } from '../client/operator/migration-control.ts';
import type { LockstepError } from '../model/failure.ts';
import { type DurableState, routes } from '../model/phase.ts';
import { exit } from './output.ts';
import type { CliSession } from './session.ts';
import { backlogLines, phasePath } from './status-lines.ts';

/** Prints what the stores say of a migration for which no worker answers; gives the exit code. */
export async function showStores(
  { output, migration }: CliSession,
  control: MigrationControl,
  { code, message, details }: LockstepError,
): Promise<number> {
  const problems = [message];
  const known = <T>(ask: () => Promise<T>): Promise<T | null> =>
    ask().catch((error: unknown) => {
      problems.push(error instanceof Error ? error.message : String(error));
      return null;
    });
  const stores = await known(() => control.storesKnow());
  const backlog = stores && (await known(() => control.backlog()));
  const error = { code, message, ...details };
  output.result({ migration: migration.name, error, stores, backlog, problems }, [
    pc.bold(migration.name),
    ...(stores
      ? [
          ...routeLines(stores.state),
          ...stores.setBack.map((reason) => pc.red(`restored  ${reason}; see docs/restore.md`)),
          ...backlogLines(backlog),
          ...(stores.differences === 0 ? [] : [`differ    ${stores.differences} keys are known to differ`]),
        ]
      : []),
    ...problems.map((problem) => pc.red(`problem   ${problem}`)),
  ]);
  return exit.error;
}

function routeLines({ phase, epoch, open, readPercent }: DurableState): string[] {
  const { primary, secondary, reads } = routes[phase];
  return [
    `${phasePath(phase)}  epoch ${epoch}`,
    `writes    primary ${primary}${secondary ? `, secondary ${secondary}` : ''}${open ? '' : '; they wait: the primary is being changed'}`,
    `reads     ${reads === 'share' ? `${readPercent} % modern` : reads}`,
  ];
}
