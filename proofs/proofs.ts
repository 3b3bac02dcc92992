import { compensate } from './compensate.ts';
import { corpus } from './corpus.ts';
import { differences } from './differences.ts';
import { disk } from './disk.ts';
import { journal } from './journal.ts';
import { kill } from './kill.ts';
import { matrix } from './matrix/matrix.ts';
import { memory } from './memory.ts';
import { mutants } from './mutants/mutants.ts';
import { outage } from './outage.ts';
import { packaged } from './package/package.ts';
import { race } from './race.ts';
import type { Proof } from './report.ts';
import { resume } from './resume.ts';
import { tamper } from './tamper.ts';
import { throttle } from './throttle.ts';
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
    throttle,
    touch,
    differences,
    corpus,
    disk,
    mutants,
    package: packaged,
  }),
);
