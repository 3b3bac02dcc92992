import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createDurableFlags } from '../client/service/flags.ts';
import { isInRollout } from '../model/rollout.ts';
import { atMost, type Bar, type Conditions, exactly, type Figures, type Report, report } from './report.ts';
import { keyKinds, keysOf, membershipDigest } from './sticky/keys.ts';

const keyCount = 100_000;
const shares = [1, 10, 50, 99] as const;
const program = join(import.meta.dirname, 'sticky/digest.ts');

/**
 * Which keys are read from modern, and which are written to both stores, follows from the key and the share alone: as many as were
 * asked for, the same in every process, a smaller share inside a larger one, and reads inside writes.
 */
export async function sticky({ seed, short, note }: Conditions): Promise<Report> {
  const bars: Bar[] = [];
  const figures: Record<string, Figures> = {};
  for (const kind of keyKinds.slice(0, short ? 1 : keyKinds.length)) {
    const keys = keysOf(kind, keyCount, seed);
    const found = Object.fromEntries(
      shares.map((share) => [
        `${share} %`,
        (keys.filter((key) => isInRollout('account', key, share)).length / keyCount) * 100,
      ]),
    );
    const furthest = Math.max(...shares.map((share) => Math.abs((found[`${share} %`] ?? 0) - share)));
    note(`${kind}: ${JSON.stringify(found)}`);
    figures[kind] = found;
    bars.push(
      atMost(`points that the share of ${kind} is off at most`, 1, Math.round(furthest * 1_000) / 1_000),
      exactly(`${kind} in a smaller share and not in a larger one`, 0, strays(keys)),
      exactly(`${kind} that are read from modern and not written there`, 0, await unwritten(keys)),
    );
    const elsewhere = await Promise.all([1, 2].map(() => digestElsewhere(kind, seed)));
    const here = membershipDigest(keys, shares);
    bars.push(
      exactly(
        `processes that see other ${kind} in a share`,
        0,
        elsewhere.filter((digest) => digest !== here).length,
      ),
    );
  }
  return report('sticky', seed, bars, figures);
}

function strays(keys: readonly string[]): number {
  return keys.filter((key) => {
    const inside = shares.map((share) => isInRollout('account', key, share));
    return inside.some((isIn, index) => isIn && inside.slice(index).includes(false));
  }).length;
}

/** As a client asks, with shares of reads that lie inside those of writes, equal ones too. */
async function unwritten(keys: readonly string[]): Promise<number> {
  let count = 0;
  for (const [readPercent, writePercent] of [
    [1, 1],
    [10, 50],
    [50, 50],
    [50, 99],
  ] as const) {
    const state = {
      migration: 'sticky',
      phase: 'switch-reads',
      epoch: 1,
      changeNumber: 1,
      open: true,
      readPercent,
      writePercent,
    } as const;
    for (const key of keys) {
      const isRead = await createDurableFlags.readsModern('account', key, state);
      if (isRead && !(await createDurableFlags.writesModern('account', key, state))) count += 1;
    }
  }
  return count;
}

/** In a process that has just begun. */
async function digestElsewhere(kind: string, seed: number): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    program,
    kind,
    String(keyCount),
    String(seed),
    shares.join(','),
  ]);
  return stdout.trim();
}
