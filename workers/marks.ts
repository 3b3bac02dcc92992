import type { ActivityContext } from '../activities/context.ts';
import { exchangeMarks } from '../activities/migration/exchange-marks.ts';
import { toldOf } from '../client/temporal/told.ts';
import { setBackReason } from '../databases/contract/set-back.ts';
import type { SetBackGuard } from '../databases/deciding/set-back-guard.ts';
import { LockstepError } from '../model/failure.ts';

export interface MarkWatch {
  /** Resolves when no exchange is under way any more. */
  stop(): Promise<void>;
}

/** A store that was set back by less than this may not be told by its mark; a comparison tells it key by key. */
const everyMs = 5_000;

/**
 * Lets the stores see each other again and again, and says so once where one of them was set back. Resolves after the first time.
 */
export async function watchMarks(context: ActivityContext, guard: SetBackGuard): Promise<MarkWatch> {
  const { log } = context;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let said = '';
  let exchange = Promise.resolve();

  async function once(): Promise<void> {
    try {
      await exchangeMarks(context);
      const found = (await guard.look()).map(setBackReason).join('; ');
      if (found !== '' && found !== said)
        log('a store was set back', { reason: found, remedy: 'see lockstep status' });
      said = found;
    } catch (error) {
      // An unavailable or unprepared store is told by those who need it; the exchange goes on when it is there.
      if (!(error instanceof LockstepError))
        log('the stores could not see each other', { reason: toldOf(error) });
    }
    if (!stopped) timer = setTimeout(next, everyMs);
  }

  function next(): void {
    exchange = once();
  }

  next();
  await exchange;
  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await exchange;
    },
  };
}
