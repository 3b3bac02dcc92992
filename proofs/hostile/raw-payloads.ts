import type { Client } from '@temporalio/client';

/** As it goes over the wire, whatever it claims to be. */
export interface RawPayload {
  readonly metadata?: Readonly<Record<string, Uint8Array>>;
  readonly data?: Uint8Array;
}

const bytes = (text: string) => Buffer.from(text);

export const rawJson = (data: Uint8Array | string, encoding = 'json/plain'): RawPayload => ({
  metadata: { encoding: bytes(encoding) },
  data: typeof data === 'string' ? bytes(data) : data,
});

/** What no library of Temporal's makes. */
export const unreadablePayloads: Readonly<Record<string, RawPayload>> = {
  'JSON that ends in the middle': rawJson('{"migration": "'),
  'text that is no JSON': rawJson('what-was-sent-must-not-come-back'),
  'no byte': rawJson(''),
  'bytes that are no UTF-8': rawJson(Buffer.from([0xff, 0xfe, 0x00, 0xc3])),
  'JSON behind a byte order mark': rawJson('\uFEFF{}'),
  'brackets, 200,000 deep': rawJson('['.repeat(200_000) + ']'.repeat(200_000)),
  'objects, 100,000 deep': rawJson(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`),
  'an encoding that nobody knows': rawJson('{}', 'what-was-sent-must-not-come-back'),
  'an encoding of encrypted data': rawJson('{}', 'binary/encrypted'),
  'a protocol buffer of no type': rawJson('{}', 'json/protobuf'),
  'a binary protocol buffer': rawJson('{}', 'binary/protobuf'),
  'no metadata': { data: bytes('{}') },
  'no encoding': { metadata: { other: bytes('json/plain') }, data: bytes('{}') },
  'nothing at all': {},
  'an encoding that is no UTF-8': { metadata: { encoding: Buffer.from([0xff]) }, data: bytes('{}') },
};

/** With what Lockstep takes nowhere, though it can be read. */
export const untakenPayloads: Readonly<Record<string, RawPayload>> = {
  ...unreadablePayloads,
  'raw bytes': rawJson(Buffer.from([1, 2, 3]), 'binary/plain'),
};

export interface RawTarget {
  readonly temporal: Client;
  readonly namespace: string;
}

const of = (payload: RawPayload) => ({
  payloads: [{ metadata: { ...payload.metadata }, data: payload.data ?? null }],
});

export async function startRaw(
  { temporal, namespace }: RawTarget,
  { type, workflowId, taskQueue }: { type: string; workflowId: string; taskQueue: string },
  { input, memo }: { input: RawPayload; memo?: RawPayload },
): Promise<void> {
  await temporal.workflowService.startWorkflowExecution({
    namespace,
    workflowId,
    workflowType: { name: type },
    taskQueue: { name: taskQueue },
    requestId: workflowId,
    identity: 'somebody else',
    input: of(input),
    ...(memo === undefined
      ? {}
      : { memo: { fields: { memo: { metadata: { ...memo.metadata }, data: memo.data ?? null } } } }),
  });
}

export async function signalRaw(
  { temporal, namespace }: RawTarget,
  workflowId: string,
  signalName: string,
  payload: RawPayload,
): Promise<void> {
  await temporal.workflowService.signalWorkflowExecution({
    namespace,
    workflowExecution: { workflowId },
    signalName,
    input: of(payload),
    identity: 'somebody else',
  });
}

/** Resolves to whether it was refused, when the update has been answered. */
export async function updateRaw(
  { temporal, namespace }: RawTarget,
  workflowId: string,
  name: string,
  payload: RawPayload,
): Promise<{ readonly refused: string | null }> {
  const { outcome } = await temporal.workflowService.updateWorkflowExecution({
    namespace,
    workflowExecution: { workflowId },
    waitPolicy: { lifecycleStage: 3 },
    request: {
      meta: { updateId: `${name}-${Math.random()}`, identity: 'somebody else' },
      input: { name, args: of(payload) },
    },
  });
  return { refused: outcome?.failure?.message ?? null };
}

/** Resolves to the answer as it came over the wire. */
export async function queryRaw(
  { temporal, namespace }: RawTarget,
  workflowId: string,
  queryType: string,
  payload: RawPayload,
): Promise<string> {
  const { queryResult } = await temporal.workflowService.queryWorkflow({
    namespace,
    execution: { workflowId },
    query: { queryType, queryArgs: of(payload) },
  });
  return Buffer.concat((queryResult?.payloads ?? []).map(({ data }) => data ?? Buffer.of())).toString();
}
