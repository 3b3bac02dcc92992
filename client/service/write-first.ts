import type { WriteReceipt } from '../../model/operation.ts';
import { checkStart, unknownOutcome } from '../temporal/acknowledged-start.ts';
import type { EmbeddedWorker } from './embedded-worker.ts';
import type { StartBehind } from './start-behind.ts';
import { leftMs, startGroup, type TimedWrite } from './start-group.ts';
import { receiptOf, startWrite, type WriteStart, writeStart } from './start-write.ts';

/** Who makes the store calls of writes, and who gives them workflows after that. */
export interface Behind {
  readonly worker: EmbeddedWorker;
  readonly starts: StartBehind;
}

/**
 * Makes the store calls of writes in this process, and answers by what the stores say; workflows follow. A write whose caller asked for
 * the primary, and that the other store does not have soon, gets its workflow before the answer. What is more than that is asked of a workflow,
 * which repeats the calls: operation ids make that harmless.
 */
export function writeFirst(
  given: WriteStart,
  { worker, starts }: Behind,
  writes: readonly [TimedWrite, ...TimedWrite[]],
): readonly [Promise<WriteReceipt>, ...Promise<WriteReceipt>[]] {
  const [first, ...others] = writes;
  const timeLeftMs = () => Math.max(...writes.map(leftMs));
  const timeoutMs = timeLeftMs();
  const written = (async () => {
    if (others.length === 0) checkStart(writeStart(first.input, leftMs(first)));
    await starts.room(timeLeftMs());
    const found = await worker.write([first.input, ...others.map(({ input }) => input)], timeLeftMs());
    for (const write of found) if (write && !write.isOwed) starts.add(write);
    return found;
  })();
  const owed = written.then(async (found) => {
    const [oldest, ...rest] = found.flatMap((write) => (write?.isOwed ? [write] : []));
    if (oldest) await starts.startAtOnce([oldest, ...rest], timeLeftMs());
  });
  owed.catch(() => undefined);
  const asked = written.then((found) =>
    askFor(
      given,
      writes.filter((_, index) => !found[index]),
    ),
  );
  asked.catch(() => undefined);
  const receiptAt = async (write: TimedWrite, index: number) => {
    const found = (await written)[index];
    if (found?.isOwed) {
      const { id, entity } = write.input.operation;
      await owed.catch((error: unknown) => {
        throw unknownOutcome('write', { entity, operationId: id }, timeoutMs, error);
      });
    }
    if (found) return receiptOf(write.input, found.answer);
    const receipt = (await asked).get(write);
    if (!receipt) throw new TypeError('a write was neither made nor asked for');
    return await receipt;
  };
  return [receiptAt(first, 0), ...others.map((write, index) => receiptAt(write, index + 1))];
}

function askFor(
  given: WriteStart,
  writes: readonly TimedWrite[],
): ReadonlyMap<TimedWrite, Promise<WriteReceipt>> {
  const [first, ...others] = writes;
  if (!first) return new Map();
  const receipts =
    others.length === 0
      ? [startWrite(given, first.input, leftMs(first))]
      : startGroup(given, [first, ...others]);
  return new Map(
    writes.flatMap((write, index) => {
      const receipt = receipts[index];
      return receipt ? [[write, receipt] as const] : [];
    }),
  );
}
