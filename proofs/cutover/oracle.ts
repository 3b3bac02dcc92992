import type { StoreName } from '../../model/failure.ts';
import { otherStore } from '../../model/phase.ts';
import { auditOutcomes } from '../account/audit.ts';
import { type Contents, rowText } from '../account/contents.ts';
import { type Effect, tookEffect } from '../account/effects.ts';
import type { CheckResult, Find } from '../account/fault.ts';
import type { PromiseLog } from '../account/promises.ts';
import { checkRecorded, markOf } from '../support/recorded.ts';
import type { TokenRead } from './writers.ts';

/**
 * Holds what was asked, told and read against both stores, which must be quiet.
 *
 * @param primary the store that decides now
 * @param isTentative tells the keys of the pattern `parallel`
 */
export function judge(
  { log, reads }: { readonly log: PromiseLog; readonly reads: readonly TokenRead[] },
  contents: Readonly<Record<StoreName, Contents>>,
  primary: StoreName,
  isTentative: (key: string) => boolean,
): CheckResult[] {
  const findings: CheckResult[] = [];
  const find: Find = (fault, about, why) => findings.push({ fault, about, why });
  const effects = auditOutcomes(log, contents[primary], contents[otherStore(primary)], find, isTentative);
  checkAnswers(log, contents[primary], find);
  checkReads(reads, effects, find);
  checkWitnesses(log, effects, [contents.legacy, contents.modern], isTentative, find);
  return findings;
}

/** Every answer to an operation is the first one's, however often and whenever it is sent; and what failed has no effect. */
function checkAnswers(log: PromiseLog, { journal }: Contents, find: Find): void {
  const effective = new Set(journal.filter(tookEffect).map(({ id }) => id));
  for (const { operationId, answers } of log.all()) {
    const told = answers.flatMap(({ answer }) => {
      switch (answer.outcome) {
        case 'acknowledged':
          return [`acknowledged as ${answer.version}`];
        case 'unknown':
          return [];
        default:
          return [`${answer.outcome} as ${answer.code}`];
      }
    });
    const different = [...new Set(told)];
    if (different.length > 1) find('told', operationId, different.join(', then '));
    if (answers.some(({ answer }) => answer.outcome === 'failed') && effective.has(operationId))
      find('ghost', operationId, `${different.join(', ')}, the journal says that it took effect`);
  }
}

/** A read with a token shows the record as a write has left it, and none that is older than the token. */
function checkReads(reads: readonly TokenRead[], effects: readonly Effect[], find: Find): void {
  const chains = Map.groupBy(effects, ({ promised }) => promised.key);
  for (const { key, atLeast, answer } of reads) {
    if (answer !== null && 'error' in answer) continue;
    const later = (chains.get(key) ?? []).filter(({ version }) => BigInt(version) >= BigInt(atLeast));
    if (answer === null) {
      if (!later.some(({ after }) => after === null))
        find('read', key, `read as gone at ${atLeast} or later`);
      continue;
    }
    const effect = later.find(({ version }) => version === answer.version);
    if (!effect?.after) find('read', key, `read at version ${answer.version}, which no write has made`);
    else if (rowText(effect.after) !== answer.row)
      find('read', key, `read at version ${answer.version} as no write has left it`);
  }
}

/**
 * What the databases' own triggers saw. Either store has decided some of the time. What a `parallel` write leaves in the store
 * that does not decide is tentative, may come twice, and goes again: its keys are left out there.
 */
function checkWitnesses(
  log: PromiseLog,
  effects: readonly Effect[],
  stores: readonly Contents[],
  isTentative: (key: string) => boolean,
  find: Find,
): void {
  const decided = effects.filter(({ promised }) => !isTentative(promised.key));
  for (const store of stores) {
    const witness = store.witness.filter(({ key }) => !isTentative(key));
    checkRecorded(log, decided, { ...store, witness }, 'some', find);
  }
  const seen = new Set(stores.flatMap(({ witness }) => witness.map(({ mark }) => mark)));
  for (const { promised } of effects) {
    const mark = markOf(promised);
    if (mark !== null && !seen.has(mark))
      find('lost', promised.operationId, 'no database saw it take effect');
  }
}
