import { proxyActivities } from '@temporalio/workflow';
import type { Account } from '../../../proofs/account/account.ts';
import type { Activities } from './worker.ts';

const { writeLegacy, writeModern } = proxyActivities<Activities>({ startToCloseTimeout: '1 minute' });

export async function writeBoth(account: Account): Promise<void> {
  await writeLegacy(account);
  await writeModern(account);
}
