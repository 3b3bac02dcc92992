import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GenericSchema } from 'valibot';
import { messageTable } from '../../model/inputs/messages.ts';
import { inputSchemas } from '../../workflows/inputs.ts';
import * as messages from '../../workflows/messages.ts';
import { type JsonSchema, jsonSchemaOf } from './json-schema.ts';

export const pagePath = join(import.meta.dirname, '../../docs/temporal.md');

type WorkflowType = keyof typeof inputSchemas;

/** Of each workflow: its id, and when it runs. */
const workflows: Readonly<Record<WorkflowType, { readonly id: string; readonly runs: string }>> = {
  write: {
    id: messages.writeWorkflowId('<migration>', '<operation id>'),
    runs: 'once for each write that comes or goes alone',
  },
  writeGroup: {
    id: messages.writeGroupWorkflowId('<migration>', '<uuid>'),
    runs: 'once for writes that waited at the same moment',
  },
  save: {
    id: messages.writeWorkflowId('<migration>', '<operation id>'),
    runs: 'once for each write of a program in another language ([languages.md](languages.md))',
  },
  saveMany: {
    id: messages.writeGroupWorkflowId('<migration>', '<id>'),
    runs: 'once for many of them',
  },
  transaction: {
    id: messages.transactionWorkflowId('<migration>', '<operation id>'),
    runs: 'once for each transaction',
  },
  migration: { id: messages.migrationWorkflowId('<migration>'), runs: 'for the life of the migration' },
  backfill: { id: messages.backfillWorkflowId('<migration>'), runs: 'once for each backfill' },
  validate: { id: messages.validationWorkflowId('<migration>'), runs: 'once for each validation' },
  reconcile: {
    id: messages.reconciliationWorkflowId('<migration>'),
    runs: 'by command, or on a schedule of the same id',
  },
  recoverTransactions: {
    id: messages.recoveryWorkflowId('<migration>'),
    runs: 'on a schedule, if an entity is `transactional`',
  },
  retryFailedOperations: {
    id: messages.journalRetryWorkflowId('<migration>'),
    runs: 'on a schedule, and by `lockstep journal retry`',
  },
  resolveParked: {
    id: messages.resolveParkedWorkflowId('<migration>', '<operation id>'),
    runs: "by `lockstep writes discard` or `compensate`, where the write's workflow is gone",
  },
  pruneJournal: { id: messages.journalPruneWorkflowId('<migration>'), runs: 'on a schedule' },
  replicateCaptured: {
    id: messages.replicateCapturedWorkflowId('<migration>'),
    runs: 'on a schedule, with `prepare --capture`',
  },
  replicateOwed: {
    id: messages.replicateOwedWorkflowId('<migration>'),
    runs: 'while services touch or write by the journal, and five seconds longer',
  },
};

/** `docs/temporal.md`, from the tables that the code reads. Run this file to write it. */
export function temporalPage(): string {
  return `# Temporal alone

Written by \`node test/support/temporal-page.ts\` from \`model/inputs/\` and \`workflows/\`.

Everything that Lockstep does for a long time is a Temporal workflow on the task queue \`lockstep-<migration>\`. What the other store is
owed is retried on the task queue \`lockstep-<migration>-owed\`; every worker serves both. The migration's own tasks have priority 1, all others 3,
which the server heeds where it has priorities on (\`matching.useNewMatcher\`; Temporal Cloud has): there a change of the primary does not wait
behind a backlog of writes. You can follow and steer all of it with Temporal UI,
Temporal's own command or any of its clients, without Lockstep's command:

\`\`\`
temporal workflow list --query "LockstepMigration = 'accounts'"
temporal workflow query --workflow-id migration/accounts --type status
temporal workflow update execute --workflow-id migration/accounts --name advance --input '{"by": "Ada"}'
temporal workflow signal --workflow-id migration/accounts --name pause --input '{"by": "Ada", "reason": "a release"}'
\`\`\`

Where a key encrypts what Temporal keeps (\`LOCKSTEP_ENCRYPTION_KEY\`), such a client needs it too.

## Workflows

| workflow type | workflow id | runs |
| --- | --- | --- |
${(Object.keys(workflows) as WorkflowType[]).map((type) => `| \`${type}\` | \`${workflows[type].id}\` | ${workflows[type].runs} |`).join('\n')}

A run of a schedule goes on for half an hour, in rounds: recovery every 20 s, the retry every \`journal.retryEveryMs\`, captured keys every
10 s. So in an hour these are six workflows in Temporal's list, not hundreds. At the end of the migration, schedules are removed, and
what they have running is cancelled, as are a backfill, a validation and a reconciliation.

**Search attributes**: every workflow and schedule has \`LockstepMigration\`, so \`LockstepMigration = 'accounts'\` lists all that belongs to a
migration. A write also has \`LockstepEntity\`. \`LockstepState\` is the phase of a migration, and \`parked\`, \`differs\` or the decision of a write
that needs or needed somebody. \`LockstepDeadline\` is \`ahead\`, \`near\` or \`overdue\`. Ids, attributes and summaries contain names and operation ids,
never keys or values.

**Summary and details**: each workflow has a summary. The current details of a migration say its phase and route, who paused it, what is
planned, and under **Next** what the gate of the next phase waits for and what to send. Those of a parked write say why, and which
decisions it takes.

## Messages

An update is answered, and one that is refused says which gate refused it, what it measured and what to do. A signal has no answer: what
refused it is in the status, as \`lastFailure\`, and in the worker's log. Where both are named, they do the same. A message that is not what
its schema says, or that nobody can read, is refused as \`InvalidInput\`, with the path; such a signal is dropped, and logged. Arguments that a message does not
take are not looked at.

${Object.entries(messageTable)
  .map(([type, of]) => messagesOf(type, of))
  .join('\n\n')}

A step (\`advance\`, \`rollback\`, \`decommission\`) with \`notBefore\` is answered at once, and taken between the two times. If its gate refuses it
then, it is tried every 30 s until \`notAfter\`.

A group answers \`acknowledged\` with all answers, in the order of its writes. Its query \`status\`, and its details in Temporal UI, have counts:
\`done\`, \`owed\` (the other store does not have them yet), \`refused\`, \`apart\` and \`open\`. A write that goes \`apart\`, because it was
refused by a database, is parked or waits for a store, has the workflow \`write\` under its own operation id and is decided there.

## Inputs

What a workflow is started with, as JSON Schema. Lockstep's client and command start them; who starts one by other means gives the same. An
input that is not so fails the workflow once, as \`InvalidRequest\` with the path, and so does the update with which it was started. What is left out of a schema is not looked at. \`inputVersion\` says by
which version of its form an input is to be read; left out, it is 1. A worker that does not know the version refuses the input by that.

${(Object.keys(workflows) as WorkflowType[]).map((type) => inputOf(type)).join('\n\n')}

## A write, for example

\`\`\`json
{
  "migration": "accounts",
  "operation": {
    "id": "8f6f…",
    "entity": "account",
    "kind": "create",
    "key": ["5d0c…"],
    "image": { "id": "5d0c…", "email": "ada@example.com", "plan": "free", "balance": "0.00" },
    "definition": "9c1f0a5be2d37784",
    "proposed": "117093590311632896",
    "expectedVersion": null
  },
  "pattern": "primary-secondary",
  "ack": "primary",
  "route": { "epoch": 3, "primary": "legacy", "secondary": "modern" },
  "dualWrite": true,
  "validateAfterMs": null,
  "policy": {
    "primaryGiveUpMs": 60000,
    "secondaryRetryMs": 500,
    "secondaryRetryMaxMs": 30000,
    "conflictAttempts": 10,
    "journalRetentionMs": 604800000
  }
}
\`\`\`

\`image\` holds canonical values (see [types.md](types.md)): the whole entity for \`create\` and \`replace\`, the changed fields for \`update\`, \`null\` for
\`delete\`. \`definition\` is the digest of the entity's definition by which the image was made; the migration's \`status\` has it under
\`definition.digests\`. \`proposed\` is a version: milliseconds since 1970, shifted left by 16 bits, plus a counter, as a decimal string.
`;
}

type Messages = (typeof messageTable)[string];

function messagesOf(type: string, of: Messages): string {
  const rows = Object.entries(of).map(
    ([name, { kinds, takes, description }]) =>
      `| \`${name}\` | ${kinds.join(', ')} | ${takes.length === 0 ? '–' : takes.map(inBrief).join('; ')} | ${description} |`,
  );
  return [
    `### \`${type}\``,
    '',
    '| message | kind | takes | what it does |',
    '| --- | --- | --- | --- |',
    ...rows,
    ...objectsOf(of),
  ].join('\n');
}

/** In a table; an object stands below it. */
function inBrief(schema: GenericSchema): string {
  const json = jsonSchemaOf(schema);
  const optional = schema.type === 'optional' ? ', or nothing' : '';
  return isObject(json) ? `an object${optional}` : `\`${JSON.stringify(json)}\`${optional}`;
}

/** Or one of several. */
function isObject({ type, anyOf }: JsonSchema): boolean {
  return type === 'object' || (Array.isArray(anyOf) && anyOf.every(isObject));
}

/** Each object once, with the messages that take it. */
function objectsOf(of: Messages): string[] {
  const takers = new Map<string, string[]>();
  for (const [name, { takes }] of Object.entries(of)) {
    for (const json of takes.map((schema) => jsonSchemaOf(schema)).filter(isObject)) {
      const text = JSON.stringify(json, null, 2);
      takers.set(text, [...(takers.get(text) ?? []), `\`${name}\``]);
    }
  }
  return [...takers].map(
    ([text, names]) =>
      `\n${names.join(', ')} take${names.length === 1 ? 's' : ''}:\n\n\`\`\`json\n${text}\n\`\`\``,
  );
}

function inputOf(type: WorkflowType): string {
  const schemas: readonly GenericSchema[] = inputSchemas[type] as readonly GenericSchema[];
  if (schemas.length === 0) return `### Input of \`${type}\`\n\nNothing.`;
  const shown = schemas.map(
    (schema) => `\`\`\`json\n${JSON.stringify(jsonSchemaOf(schema), null, 2)}\n\`\`\``,
  );
  return `### Input of \`${type}\`\n\n${shown.join('\n\n')}`;
}

if (import.meta.main) writeFileSync(pagePath, temporalPage());
