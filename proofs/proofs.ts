import { accounts } from './accounts/accounts.ts';
import { amnesia } from './amnesia/amnesia.ts';
import { canaries } from './canaries/canaries.ts';
import { compensate } from './compensate.ts';
import { corpus } from './corpus.ts';
import { cutover } from './cutover/cutover.ts';
import { differences } from './differences.ts';
import { disk } from './disk.ts';
import { ended } from './ended/ended.ts';
import { hostile } from './hostile/hostile.ts';
import { journal } from './journal.ts';
import { kill } from './kill.ts';
import { large } from './large/large.ts';
import { matrix } from './matrix/matrix.ts';
import { memory } from './memory.ts';
import { mutants } from './mutants/mutants.ts';
import { names } from './names/names.ts';
import { outage } from './outage.ts';
import { packaged } from './package/package.ts';
import { partition } from './partition/partition.ts';
import { race } from './race.ts';
import { rampdown } from './rampdown.ts';
import type { Proof } from './report.ts';
import { restore } from './restore/restore.ts';
import { resume } from './resume.ts';
import { sticky } from './sticky.ts';
import { tamper } from './tamper.ts';
import { throttle } from './throttle.ts';
import { tls } from './tls/tls.ts';
import { touch } from './touch.ts';

export const proofs: ReadonlyMap<string, Proof> = new Map(
  Object.entries({
    outage,
    kill,
    compensate,
    matrix,
    journal,
    tamper,
    race,
    resume,
    memory,
    large,
    throttle,
    touch,
    ended,
    differences,
    corpus,
    names,
    hostile,
    cutover,
    disk,
    restore,
    amnesia,
    mutants,
    rampdown,
    partition,
    sticky,
    package: packaged,
    tls,
    canaries,
    accounts,
  }),
);
