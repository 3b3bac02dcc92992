import { createConnection, type RowDataPacket } from 'mysql2/promise';
import type { Account } from '../../../proofs/account/account.ts';
import { olderModule } from '../older/checkout.ts';
import type { Open } from '../way.ts';
import { sendingAgain } from './sending-again.ts';

interface OlderClient {
  connect(options: { migration: unknown; environment: NodeJS.ProcessEnv }): Promise<OlderLockstep>;
}

interface OlderLockstep {
  repository(account: unknown): {
    replace(
      value: Account,
      options: { ack: 'primary'; operationId: string; timeoutMs: number },
    ): Promise<unknown>;
  };
  close(): Promise<void>;
}

interface OlderMigrations {
  proofMigration(name: string, pattern: 'primary-secondary'): { account: unknown; migration: unknown };
}

const pending = "SELECT COUNT(*) AS pending FROM lockstep_operations WHERE status = 'pending'";
const drainPollMs = 50;

/** The default way, as the older commit has it. */
export const open: Open = async ({ migration: name, environment, direct }) => {
  const { connect } = await olderModule<OlderClient>('client/connect.ts');
  const { proofMigration } = await olderModule<OlderMigrations>('test/proofs/migration.ts');
  const { account, migration } = proofMigration(name, 'primary-secondary');
  const lockstep = await connect({ migration, environment });
  const repository = lockstep.repository(account);
  const legacy = await createConnection({ uri: direct.legacy });
  const pendingWrites = async () => {
    const [rows] = await legacy.query<({ pending: number } & RowDataPacket)[]>(pending);
    return rows[0]?.pending ?? 0;
  };
  return {
    write: (value) => sendingAgain((options) => repository.replace(value, { ack: 'primary', ...options })),
    async drained() {
      while ((await pendingWrites()) > 0) await new Promise((resolve) => setTimeout(resolve, drainPollMs));
    },
    async [Symbol.asyncDispose]() {
      await lockstep.close();
      await legacy.end();
    },
  };
};
