import type { Client } from '@temporalio/client';
import { searchAttributes } from '../workflows/messages.ts';

/** Temporal's number for the type of a keyword (temporal.api.enums.v1.IndexedValueType). */
const keyword = 2;

/** Registers what is missing; gives the names that were added. */
export async function registerSearchAttributes(client: Client): Promise<string[]> {
  const { operatorService } = client.connection as { operatorService?: OperatorService };
  if (!operatorService) throw new TypeError('the Temporal connection has no operator service');
  const { namespace } = client.options;
  const known = await operatorService.listSearchAttributes({ namespace });
  const missing = Object.values(searchAttributes).filter((name) => !(name in (known.customAttributes ?? {})));
  if (missing.length > 0) {
    await operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, keyword])),
    });
  }
  return missing;
}

interface OperatorService {
  listSearchAttributes(request: { namespace: string }): Promise<{ customAttributes?: object | null }>;
  addSearchAttributes(request: {
    namespace: string;
    searchAttributes: Record<string, number>;
  }): Promise<unknown>;
}
