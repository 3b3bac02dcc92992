import { appendFileSync } from 'node:fs';
import type { Lockstep } from '../../client/service/connect.ts';
import { LockstepError } from '../../model/failure.ts';
import { type Direct, direct } from '../../test/databases/direct.ts';
import { type Account, bound, ledger, newAccount } from '../../test/support/accounts.ts';
import type { ProofEnvironment } from '../account/environment.ts';
import type { MatrixFault, Moment } from './cells.ts';

const askAgainMs = 250;
const askForMs = 180_000;

/** One transaction of the matrix: it creates a `bound` and changes a `ledger`. */
export interface Sent {
  readonly fault: MatrixFault;
  readonly moment: Moment;
  readonly operationId: string;
  readonly created: Account;
  readonly changed: Account;
  readonly newOwner: string;
  /** What its caller was told last, or null while it has been told nothing certain. */
  answer: 'committed' | { readonly refused: string } | null;
}

export function newTransaction(fault: MatrixFault, moment: Moment, operationId: string): Sent {
  const created = newAccount();
  const changed = newAccount();
  return {
    fault,
    moment,
    operationId,
    created,
    changed,
    newOwner: `changed by ${operationId}`,
    answer: null,
  };
}

/** Sends it until its outcome is known, as a careful service does, and writes down every answer. */
export async function send(lockstep: Lockstep, sent: Sent, log: string): Promise<void> {
  const until = Date.now() + askForMs;
  const write = (what: object) =>
    appendFileSync(
      log,
      `${JSON.stringify({ at: new Date().toISOString(), id: sent.operationId, ...what })}\n`,
    );
  write({ asked: true, fault: sent.fault });
  while (sent.answer === null && Date.now() < until) {
    try {
      await lockstep.transaction(
        (tx) => [
          tx(bound).create(sent.created),
          tx(ledger).update(sent.changed.id, { owner: sent.newOwner }),
        ],
        { operationId: sent.operationId },
      );
      sent.answer = 'committed';
      write({ answer: 'committed' });
    } catch (error) {
      const code = error instanceof LockstepError ? error.code : 'Unexpected';
      write({ answer: code, message: error instanceof Error ? error.message : String(error) });
      if (code !== 'OutcomeUnknown') sent.answer = { refused: code };
      else await new Promise((resolve) => setTimeout(resolve, askAgainMs));
    }
  }
}

/** What plain SQL says of a transaction in one store: all of it is there, nothing is, or a part. */
export type Seen = 'all' | 'nothing' | 'part';

export async function seenBy(at: Direct, { created, changed, newOwner }: Sent): Promise<Seen> {
  const there = await at.rows(`SELECT owner FROM bound WHERE id = ${created.id}`);
  const owners = await at.rows(`SELECT owner FROM ledgers WHERE id = ${changed.id}`);
  const isCreated = there.length === 1 && there[0]?.owner === created.owner;
  const isChanged = owners.length === 1 && owners[0]?.owner === newOwner;
  if (isCreated && isChanged) return 'all';
  return there.length === 0 && owners[0]?.owner === changed.owner ? 'nothing' : 'part';
}

/** The prepared branches that the server itself lists, of one migration. */
export async function branchesAt(at: Direct, url: string, migration: string): Promise<string[]> {
  const rows = url.startsWith('postgres')
    ? await at.rows('SELECT gid AS name FROM pg_prepared_xacts WHERE database = current_database()')
    : (await at.rows('XA RECOVER')).map(({ data }) => ({ name: data ?? '' }));
  return rows.map(({ name }) => name ?? '').filter((name) => name.includes(`${migration}:`));
}

/** Of transactions of a proof that no store has ended. */
export async function branchesLeft({ direct: urls, migration }: ProofEnvironment): Promise<number> {
  let left = 0;
  for (const url of [urls.legacy, urls.modern]) {
    const at = await direct(url);
    left += (await branchesAt(at, url, migration.name)).length;
    await at.end();
  }
  return left;
}
