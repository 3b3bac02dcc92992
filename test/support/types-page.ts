import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { elementTypes, mysqlTypes, postgresqlTypes, type TypeRule } from '../../databases/columns/types.ts';

export const pagePath = join(import.meta.dirname, '../../docs/types.md');

/** `docs/types.md`, from the table that the code reads. Run this file to write it. */
export function typesPage(): string {
  return `# Types

Written by \`node test/support/types-page.ts\` from \`databases/columns/types.ts\`, which copying, comparing and live writes read as well.
What is not here is refused by \`lockstep prepare\`, with the name of the type.

A **field** says which canonical values an entity has; both stores are held to them. A column type **holds** one kind of field
naturally, and may hold **others**. Functions (\`toRows\`, \`fromRows\`) see what a column naturally holds, or what their table's
\`fields\` say: \`tables: { orders: { key: ['id'], fields: { shipped: field.date({ zero: 'null' }) } } }\`. A value that a column would change in
silence is refused: at a service's call, or as a row that a backfill reports in \`differences\` with the reason.

${table('MySQL and MariaDB', 'in PostgreSQL', mysqlTypes)}
${table('PostgreSQL', 'in MySQL or MariaDB', postgresqlTypes)}
A PostgreSQL list (\`array\`) may have elements of ${Object.keys(elementTypes).join(', ')}. Domains are what they stand on.

## What a field decides

| values | declaration | where |
| --- | --- | --- |
| zero dates, \`0000-00-00\` | \`field.date({ zero })\`, \`field.timestamp({ zero })\` | MySQL, MariaDB |
| infinity | \`{ infinity }\`, \`{ minusInfinity }\` on date, timestamp, float, decimal | PostgreSQL |
| NaN | \`{ nan }\` on float, decimal | PostgreSQL |
| NUL characters | \`field.text({ nul: 'bytes' })\` | text that PostgreSQL keeps as UTF-8 in \`bytea\` |
| zero months and days, dates before our era, \`24:00:00\`, months in intervals | \`field.text()\` over the column | either |

The first three take \`'refuse'\` (default), \`'null'\` or \`{ as: VALUE }\`. The substitute is put in where a row is read and taken out
where one is written, so images, digests and the other store only know the substitute. \`{ as }\` is reversible, and a row that holds
the very value is refused. \`'null'\` loses the difference: a column that may be null keeps the null, one that may not gets the
special value back.

Without a \`precision\`, \`field.time()\`, \`field.timestamp()\` and \`field.duration()\` have six digits after the second, and columns
may keep fewer. A value that is finer than a column of either store is refused by name before either store has it, and never
rounded; a row that is finer is reported by the backfill. With a \`precision\` both columns must keep at least as many digits.

A JSON \`null\` is kept by a copy between columns; a program sees null for it, and writes NULL.
`;
}

function table(title: string, elsewhere: string, types: Readonly<Record<string, TypeRule>>): string {
  const rows = Object.entries(types).map(([name, { holds, also, other, rule }]) =>
    row([name, holds ?? 'refused', (also ?? []).join(', '), other, rule.split('; leave it out')[0] ?? rule]),
  );
  return `## ${title}

${row(['type', 'holds', 'others', elsewhere, 'rule'])}
${row(['---', '---', '---', '---', '---'])}
${rows.join('\n')}
`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

if (import.meta.main) writeFileSync(pagePath, typesPage());
