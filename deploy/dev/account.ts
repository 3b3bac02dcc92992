import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** An unprivileged account of the system. */
export interface Account {
  name: string;
  uid: number;
  gid: number;
}

/** The first of these accounts that exists; null when we are not root, and so run as ourselves. */
export function accountFor(names: readonly string[]): Account | null {
  if (names.length === 0 || process.getuid?.() !== 0) return null;
  const known = new Map(
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      .map(([name = '', , uid, gid]) => [name, { name, uid: Number(uid), gid: Number(gid) }]),
  );
  for (const name of [...names, 'nobody']) {
    const account = known.get(name);
    if (account !== undefined && account.uid > 0) return account;
  }
  throw new Error(
    `The server does not run as root, and none of the accounts ${names.join(', ')}, nobody exists: add one`,
  );
}

/** Whether the account may enter the folder. Asked of the system, so access lists count too. */
export function canReach(folder: string, account: Account): boolean {
  return spawnSync('test', ['-x', folder], { uid: account.uid, gid: account.gid, cwd: '/' }).status === 0;
}
