import { type Command, InvalidArgumentError } from 'commander';
import type { Reconciliation } from '../client/operator/reconciliation.ts';
import { isCorruptKey } from '../model/canonical.ts';
import { LockstepError, type StoreName } from '../model/failure.ts';
import { countFrom } from './journal-entries.ts';
import { exit, table } from './output.ts';
import { confirmed, connected, openSession } from './session.ts';

/** Commands about what differs between the stores. */
export function addReconcileCommands(program: Command): void {
  program
    .command('reconcile')
    .description('compare every key and record the differences')
    .option(
      '--repair',
      'make the stores equal: the newer version of a key wins, else the primary stands',
      false,
    )
    .option(
      '--from <store>',
      'with --repair: whose rows stand, legacy or modern, where the secondary is ahead',
      storeOf,
    )
    .option('--entity <name>', 'only this entity')
    .option('--every <interval>', 'repeat on a Temporal schedule, such as 30m, 6h or 1d', intervalOf)
    .option('--no-schedule', 'remove the schedule')
    .action(async (given: ReconcileFlags, command: Command) => {
      const session = await openSession(command);
      const { output } = session;
      if (given.from && !given.repair)
        throw new LockstepError(
          'InvalidInput',
          '--from says whose rows a repair lets stand; pass --repair too',
        );
      if (given.from && given.every !== undefined)
        throw new LockstepError(
          'InvalidInput',
          '--from is a decision about the stores as they are now; a schedule takes none',
        );
      const options = {
        repair: given.repair,
        ...(given.entity ? { entity: given.entity } : {}),
        ...(given.from ? { from: given.from } : {}),
      };
      const what = whatItDoes(given);
      const asks = given.repair || given.every !== undefined || !given.schedule;
      const asked = asks
        ? session
        : { ...session, options: { ...session.options, yes: !session.options.dryRun } };
      if (!(await confirmed(asked, what))) return;
      await connected(session, async ({ reconciliation }) => {
        if (!given.schedule) {
          const ended = await reconciliation.unschedule();
          output.result({ scheduled: false, ended }, [ended ? 'schedule removed' : 'there was no schedule']);
        } else if (given.every !== undefined) {
          await reconciliation.schedule(given.every, options);
          output.result({ scheduled: true, everyMs: given.every, ...options }, [`will ${what}`]);
        } else {
          const found = await reconciliation.run(options);
          if (found.skipped)
            throw new LockstepError('GateRefused', `nothing was compared: ${found.skipped}`, {
              gate: 'phase',
            });
          output.result(found, linesOf(found));
          if ((found.evidence?.differences ?? 0) > 0) process.exitCode = exit.pending;
        }
      });
    });

  program
    .command('differences')
    .description('show what differs between the stores, or was refused, by reason')
    .option('--limit <n>', 'show at most this many reasons', '100')
    .option('--keys', 'also show some keys (row content); terminal only', false)
    .action(async (given: { limit: string; keys: boolean }, command: Command) => {
      const session = await openSession(command);
      const limit = countFrom(given.limit, '--limit');
      if (given.keys && !process.stdout.isTTY) {
        throw new LockstepError(
          'InvalidInput',
          'keys are row content and are shown at a terminal only; leave --keys out, or read the control table differences',
        );
      }
      await connected(session, async ({ reconciliation }) => {
        const groups = (await reconciliation.groupedDifferences({ groups: limit, keys: keysShown })).map(
          ({ keys, ...shown }) =>
            given.keys
              ? { ...shown, keys: keys.map((key) => (isCorruptKey(key) ? 'no key' : key.join(', '))) }
              : shown,
        );
        const counts = await reconciliation.countDifferences();
        const rows = groups.map((one) => [
          one.entity,
          one.verdict,
          String(one.count),
          one.reason,
          ...('keys' in one ? [one.keys.join(' · ')] : []),
        ]);
        const title = ['entity', 'verdict', 'keys', 'reason', ...(given.keys ? ['some of them'] : [])];
        session.output.result(
          { counts, groups },
          rows.length > 0 ? table([title, ...rows]) : ['no known differences'],
        );
        if (groups.length > 0) process.exitCode = exit.pending;
      });
    });
}

/** Of each reason. */
const keysShown = 5;

interface ReconcileFlags {
  readonly repair: boolean;
  readonly entity?: string;
  readonly from?: StoreName;
  readonly every?: number;
  readonly schedule: boolean;
}

function whatItDoes({ repair, entity, from, every, schedule }: ReconcileFlags): string {
  if (!schedule) return 'remove the reconciliation schedule';
  const how = `compare every key${entity ? ` of ${entity}` : ''}${repair ? `, and repair the differences${from ? `, trusting ${from}` : ''}` : ''}`;
  return every === undefined ? how : `${how}, every ${every / 60_000} minutes`;
}

function linesOf({ evidence, found, repaired, ahead }: Reconciliation): string[] {
  if (!evidence) return ['nothing was compared'];
  return [
    `${evidence.compared} keys compared: ${found} differences, ${repaired} repaired, ${evidence.differences} left, ` +
      `${evidence.ambiguous} ambiguous, ${evidence.inFlight} in flight`,
    ...(ahead > 0
      ? [
          `${ahead} keys have a newer version in the secondary: was the primary restored from an older copy? ` +
            `Bring them back with lockstep reconcile --repair --from STORE, where STORE is the secondary`,
        ]
      : []),
  ];
}

function storeOf(text: string): StoreName {
  if (text === 'legacy' || text === 'modern') return text;
  throw new InvalidArgumentError('use legacy or modern.');
}

const unitsMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

function intervalOf(text: string): number {
  const [, amount = '', unit = ''] = /^(\d+)([mhd])$/.exec(text) ?? [];
  const ms = Number(amount) * (unitsMs[unit] ?? Number.NaN);
  if (ms > 0) return ms;
  throw new InvalidArgumentError('use a whole number and m, h or d, such as 30m, 6h or 1d.');
}
