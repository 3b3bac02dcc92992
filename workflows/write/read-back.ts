import { log, setCurrentDetails, sleep, upsertSearchAttributes } from '@temporalio/workflow';
import { bounded } from '../activities.ts';
import { messageOf } from '../failures.ts';
import { searchAttributes } from '../messages.ts';
import { readBackDetails } from './details.ts';
import type { WriteRun } from './run.ts';

const limitMs = 600_000;

/** Reads both stores back, long after the caller has its answer; what is wrong shows, and fails nothing. */
export async function readBack({ input }: WriteRun, afterMs: number): Promise<void> {
  await sleep(afterMs);
  const { id, entity, key } = input.operation;
  try {
    const found = await bounded(limitMs).validateWrite({ operation: { id, entity, key } });
    if (found.verdict === 'intact' || found.verdict === 'in-flight') return;
    setCurrentDetails(readBackDetails(found));
    upsertSearchAttributes({ [searchAttributes.state]: ['differs'] });
    log.error('the write is not in both stores as it was written', { operationId: id, entity, ...found });
  } catch (error) {
    log.warn('the write could not be read back', { operationId: id, reason: messageOf(error) });
  }
}
