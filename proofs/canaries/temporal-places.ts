import type { Client } from '@temporalio/client';
import { isObject } from '../../model/is-object.ts';
import { owedTaskQueue } from '../../model/task-queues.ts';
import { until } from '../../test/support/until.ts';

/** What Temporal's server has of a migration, as it keeps it: nothing is decoded. */
export interface KeptByTemporal {
  readonly workflows: number;
  readonly payloads: number;
  /** Texts and bytes, by what they are part of. */
  readonly texts: readonly (readonly [place: string, text: string])[];
  /** Payloads that are not encrypted, other than those that Temporal's SDK writes itself, by their path. */
  readonly plain: readonly string[];
}

interface HistoryPage {
  readonly history?: { readonly events?: readonly unknown[] | null } | null;
  readonly nextPageToken?: Uint8Array | null;
}

/** What Temporal's SDK writes itself: names and numbers of its own, and the values of search attributes, which Temporal must read. */
const ownOfSdk = [
  /\.indexedFields\./,
  /\.markerRecordedEventAttributes\.details\.(data|patch-data|type)\./,
  /\.upsertWorkflowSearchAttributesEventAttributes\./,
];

export async function keptByTemporal(
  { workflowService, options: { namespace } }: Client,
  migration: { readonly name: string; readonly taskQueue: string },
): Promise<KeptByTemporal> {
  const query = [
    `LockstepMigration = '${migration.name}'`,
    ...[migration.taskQueue, owedTaskQueue(migration.taskQueue)].map((queue) => `TaskQueue = '${queue}'`),
  ].join(' OR ');
  const list = async () =>
    (await workflowService.listWorkflowExecutions({ namespace, query, pageSize: 1_000 })).executions ?? [];
  let before = -1;
  // Those that have just begun are listed a moment later.
  const executions = await until('no more workflows are listed', async () => {
    const found = await list();
    const isStill = found.length === before;
    before = found.length;
    if (!isStill) await new Promise((resolve) => setTimeout(resolve, 1_000));
    return isStill && found;
  });
  const kept = new Kept();
  for (const info of executions) {
    const { execution = null } = info;
    kept.look('ids, search attributes and memo', 'list', info);
    kept.look(
      'pending activities and details',
      'describe',
      await workflowService.describeWorkflowExecution({ namespace, execution }),
    );
    for (
      let nextPageToken = new Uint8Array(), isFirst = true;
      isFirst || nextPageToken.length > 0;
      isFirst = false
    ) {
      const page: HistoryPage = await workflowService.getWorkflowExecutionHistory({
        namespace,
        execution,
        nextPageToken,
      });
      for (const event of page.history?.events ?? []) kept.look('histories', 'event', event);
      nextPageToken = new Uint8Array(page.nextPageToken ?? []);
    }
  }
  const { schedules } = await workflowService.listSchedules({ namespace, maximumPageSize: 1_000 });
  for (const { scheduleId } of schedules ?? []) {
    if (!scheduleId?.includes(migration.name)) continue;
    kept.look('schedules', 'schedule', await workflowService.describeSchedule({ namespace, scheduleId }));
  }
  return {
    workflows: executions.length,
    payloads: kept.payloads,
    texts: [...kept.texts].map(([place, texts]) => [place, texts.join('\n')]),
    plain: [...kept.plain].sort(),
  };
}

class Kept {
  readonly texts = new Map<string, string[]>();
  readonly plain = new Set<string>();
  payloads = 0;

  look(place: string, path: string, value: unknown): void {
    const texts = this.texts.get(place) ?? [];
    this.texts.set(place, texts);
    this.#walk(texts, path, value);
  }

  #walk(texts: string[], path: string, value: unknown): void {
    if (value instanceof Uint8Array) texts.push(Buffer.from(value).toString('utf8'));
    else if (typeof value === 'string') texts.push(value);
    else if (Array.isArray(value)) for (const one of value) this.#walk(texts, path, one);
    else if (isObject(value)) {
      this.#count(path, value);
      for (const [name, one] of Object.entries(value)) {
        texts.push(name);
        this.#walk(texts, `${path}.${name}`, one);
      }
    }
  }

  #count(path: string, value: object): void {
    const { metadata, data }: { metadata?: unknown; data?: unknown } = value;
    if (!isObject(metadata) || !(data instanceof Uint8Array)) return;
    const { encoding: bytes }: { encoding?: unknown } = metadata;
    if (!(bytes instanceof Uint8Array)) return;
    this.payloads += 1;
    const encoding = Buffer.from(bytes).toString();
    if (encoding.includes('lockstep') || data.length === 0) return;
    const place = `${path}.`;
    if (!ownOfSdk.some((own) => own.test(place))) this.plain.add(`${path} (${encoding})`);
  }
}
