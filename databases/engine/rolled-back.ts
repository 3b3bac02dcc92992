import type { Engine } from './engine.ts';
import { RollBack, type Session } from './session.ts';

/** Does it in a transaction of which nothing is kept. Rejects where it fails. */
export async function rolledBack(
  { transaction }: Pick<Engine, 'transaction'>,
  work: (session: Session) => Promise<unknown>,
): Promise<void> {
  try {
    await transaction(async (session) => {
      await work(session);
      throw new RollBack();
    });
  } catch (error) {
    if (!(error instanceof RollBack)) throw error;
  }
}
