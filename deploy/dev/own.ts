import { chownSync } from 'node:fs';
import type { Account } from './account.ts';

/** Gives a file that we wrote to the account that must read it. */
export function own(file: string, account: Account | null): void {
  if (account !== null) chownSync(file, account.uid, account.gid);
}
