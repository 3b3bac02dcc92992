import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exit, exitOf } from '../../cli/output.ts';
import { type ServerCondition, serverConditions } from '../../databases/engine/server-conditions.ts';
import { callerFailures, type FailureMeaning, innerFailures } from '../../model/failure-codes.ts';

export const pagePath = join(import.meta.dirname, '../../docs/errors.md');

/** `docs/errors.md`, from the table that the code reads. Run this file to write it. */
export function errorsPage(): string {
  return `# Errors

Written by \`node test/support/errors-page.ts\` from \`model/failure-codes.ts\`.

Every failure of Lockstep's is a \`LockstepError\` with a \`code\`, a message that names value, cause and remedy, and \`details\`. Branch on
the code and the details, never on the message. \`retryable\` says whether the same call may succeed later. A
write whose outcome is unknown is sent again under its own operation id, any other under a new one.

\`\`\`ts check
import { isLockstepError } from 'lockstep';

/** What a form may show of a failed write; null where its user can do nothing about it. */
export function hintFor(error: unknown): string | null {
  if (isLockstepError(error, 'VersionConflict')) return 'somebody else has changed it; load it again';
  if (isLockstepError(error, 'StoreRefused') && error.details.violation === 'unique') return 'it is taken';
  return null;
}
\`\`\`

## What callers meet

${table(callerFailures)}

## What stays inside

Journals and metrics name these as well. A caller gets what comes of them.

${table(innerFailures)}

## Details

| member | says |
| --- | --- |
| \`store\` | \`legacy\` or \`modern\` |
| \`about\` | where to look: \`row\`, \`size\` (too large), \`trigger\` (raised by one of the database's own), \`schema\`, \`grants\`, \`server\` (takes nothing for now), \`network\` |
| \`violation\` | which rule a row broke: \`unique\`, \`foreign-key\`, \`check\`, \`not-null\`, \`too-long\`, \`out-of-range\`, \`invalid-value\`, \`changed-value\` (the column keeps another form), \`shared-record\` (it differs, and the shape refuses) |
| \`entity\`, \`operationId\`, \`version\` | which write, and what the record's version is |
| \`path\` | which part of a definition or value |
| \`gate\`, \`measured\` | which gate refused, and what it measured |
| \`reason\`, \`remedy\` | parts of the message |

Details hold names, codes, versions and counts, never the content of a row.

## What servers say

A store's own number is never told alone. These are about the server, the connection or what the account may do; \`{account}\` stands for
the account that connects, \`{url}\` for the variable with the connection string. What numbers say about a row is told by \`violation\`.

${conditionTable()}

## Exit codes of the command line

| code | when |
| --- | --- |
| 0 | fine |
| 1 | any other error, or arguments that there are not |
| 2 | differences, or work that is pending or parked |
| 3 | ${codesOf(exit.preflight)}, or \`lockstep doctor\` found a fault |
| 4 | ${codesOf(exit.refused)} |
`;
}

function conditionTable(): string {
  const rows = Object.values<ServerCondition>(serverConditions).map(
    ({ cause, remedy, isTriedAgain, mysql, postgresql }) =>
      `| ${cause} | ${mysql.join(', ')} | ${postgresql.join(', ')} | \`${isTriedAgain ? 'StoreUnavailable' : 'StoreRefused'}\` | ${remedy} |`,
  );
  return [
    '| cause | MySQL/MariaDB | PostgreSQL | code | what to do |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

function codesOf(exitCode: number): string {
  const codes = Object.entries(exitOf).filter(([, own]) => own === exitCode);
  return codes.map(([code]) => `\`${code}\``).join(', ');
}

function table(failures: Readonly<Record<string, FailureMeaning>>): string {
  const rows = Object.entries(failures).map(([code, { retryable, seenBy, meaning, remedy }]) => {
    const audience = seenBy.length > 0 ? seenBy.join(', ') : 'nobody';
    return `| \`${code}\` | ${audience} | ${meaning} | ${retryable ? 'yes' : 'no'} | ${remedy} |`;
  });
  return [
    '| code | who sees it | meaning | retry? | what to do |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
  ].join('\n');
}

if (import.meta.main) writeFileSync(pagePath, errorsPage());
