import type { Receipt } from '../../client/service/receipt.ts';
import type { ReadOptions, RepositoryOf } from '../../client/service/repository.ts';
import type { WriteOptions } from '../../client/service/write-options.ts';
import { LockstepError } from '../../model/failure.ts';
import type { AnyFailureCode } from '../../model/failure-codes.ts';
import type { Token } from '../../model/token.ts';
import type { Account, accountWritten } from './account.ts';
import type { Answer } from './promises.ts';
import type { RandomWrite } from './random.ts';

export type Accounts = RepositoryOf<ReturnType<typeof accountWritten>>;

/** What traffic asks of a service, or of several. */
export type Writer = Pick<Accounts, 'create' | 'replace' | 'update' | 'delete'>;

/** Reads an account with its token. */
export interface Reader {
  get(
    key: string,
    options: ReadOptions & { readonly withToken: true },
  ): Promise<{ readonly value: Account; readonly token: Token } | null>;
}

export interface Answered {
  readonly answer: Answer;
  readonly message: string;
  readonly receipt: Receipt<'primary' | 'both'> | null;
}

/** What a caller must expect of a store that is well; every other failure is one. */
const refusals: readonly AnyFailureCode[] = ['AlreadyExists', 'NotFound', 'VersionConflict'];

/** Asks for a write, and gives what its caller is told. */
export async function call(
  accounts: Writer,
  drawn: RandomWrite,
  operationId: string,
  token: Token | null,
): Promise<Answered> {
  try {
    const receipt = await send(accounts, drawn, {
      operationId,
      ...(token ? { ifUnchangedSince: token } : {}),
    });
    return { answer: { outcome: 'acknowledged', version: receipt.version }, message: '', receipt };
  } catch (error) {
    return answeredBy(error);
  }
}

/** What a caller was told by what a call threw. */
export function answeredBy(error: unknown): Answered {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof LockstepError ? error.code : 'Unexpected';
  return { answer: { outcome: outcomeOf(code), code }, message, receipt: null };
}

export function send(
  accounts: Writer,
  { key, change }: RandomWrite,
  options: WriteOptions<'primary' | 'both'>,
): Promise<Receipt<'primary' | 'both'>> {
  switch (change.kind) {
    case 'create':
      return accounts.create(change.account, options);
    case 'replace':
      return accounts.replace(change.account, options);
    case 'update':
      return accounts.update(key, change.patch, options);
    case 'delete':
      return accounts.delete(key, options);
  }
}

function outcomeOf(code: AnyFailureCode | 'Unexpected'): 'refused' | 'unknown' | 'failed' {
  // What was never started is sent again as well.
  if (code === 'OutcomeUnknown' || code === 'Overloaded') return 'unknown';
  return refusals.some((refusal) => refusal === code) ? 'refused' : 'failed';
}
