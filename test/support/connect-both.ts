import { type Operator, operate } from '../../client/operator/operate.ts';
import { type ConnectOptions, connect, type Lockstep } from '../../client/service/connect.ts';
import type { Migration } from '../../model/migration.ts';

/** A service's connection and an operator's, in one. */
export type Connected = Lockstep & Operator;

export async function connectBoth(migration: Migration, options: ConnectOptions = {}): Promise<Connected> {
  const { environment, temporal } = options;
  const service = await connect(migration, options);
  try {
    const operator = await operate(migration, {
      ...(environment && { environment }),
      ...(temporal && { temporal }),
    });
    const close = async () => {
      await operator.close();
      await service.close();
    };
    return { ...service, ...operator, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await service.close();
    throw error;
  }
}
