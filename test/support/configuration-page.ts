import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultStores } from '../../model/migration.ts';
import { defaultSettings } from '../../model/settings.ts';

export const pagePath = join(import.meta.dirname, '../../docs/configuration.md');

/** A setting as its declaration describes it. */
export interface DescribedSetting {
  readonly group: string;
  readonly name: string;
  readonly type: string;
  readonly meaning: string;
  /** As its docstring says it. */
  readonly described: string;
  /** As the code has it. */
  readonly actual: unknown;
}

/** Every setting of a migration, from the declarations and the defaults that the code reads. */
export function describedSettings(): DescribedSetting[] {
  const settings = source('settings.ts');
  const groups = members(body(settings, 'Settings')).map(({ name, type, meaning }) => ({
    group: name,
    meaning,
    declared: members(body(settings, /Partial<(\w+)>/.exec(type)?.[1] ?? '')),
    defaults: entriesOf(defaultSettings).get(name),
  }));
  const stores = { group: 'legacy', declared: members(body(source('migration.ts'), 'StoreOptions')) };
  return [...groups, { ...stores, defaults: defaultStores.legacy }].flatMap(({ group, declared, defaults }) =>
    declared.map(({ name, type, meaning, described }) => ({
      group,
      name,
      type,
      meaning,
      described,
      actual: entriesOf(defaults).get(name),
    })),
  );
}

/** `docs/configuration.md`. Run this file to write it. */
export function configurationPage(): string {
  const settings = describedSettings();
  const groups = members(body(source('settings.ts'), 'Settings'));
  return `# Configuration

Written by \`node test/support/configuration-page.ts\` from \`model/settings.ts\` and \`model/migration.ts\`.

\`lockstep.config.ts\` exports a migration by default. The command line, the workers and the services load the same file. Names that end in
\`Ms\` are in milliseconds.

\`\`\`ts check
import { defineMigration, entity, table } from 'lockstep';
import { z } from 'zod';

const account = entity({
  name: 'account',
  schema: z.strictObject({ id: z.uuid(), email: z.email() }),
  key: 'id',
  legacy: table('accounts'),
  modern: table('accounts'),
});

export default defineMigration({
  name: 'accounts',
  entities: [account],
  deadline: '2030-01-31T00:00:00Z',
  write: { callerTimeoutMs: 10_000 },
  backfill: { parallel: 4 },
  modern: { urlFrom: 'MODERN_DATABASE_URL' },
});
\`\`\`

## The migration

| option | meaning |
| --- | --- |
| \`name\` | required: lower-case letters, digits and dashes; part of workflow ids and of the task queue |
| \`entities\` | required: what is moved; see [entities.md](entities.md) |
| \`deadline\` | required: ISO time with its offset, by which the migration is to be over |
| \`legacy\`, \`modern\` | how each store is reached; see below |
| \`taskQueue\` | of Temporal; default \`lockstep-\` and the name |
| \`onOverdue\` | called by a worker when the deadline has passed |

## Each entity

| option | meaning |
| --- | --- |
| \`pattern\` | \`primary-secondary\` (default), \`parallel\`, \`flag-controlled\` or \`transactional\` |
| \`entry\` | where a write enters: \`workflow\` (default), or \`journal\`; see [Entities](entities.md#where-a-write-enters) |
| \`ack\` | when a caller is answered: \`primary\`, \`both\` or \`recorded\`; default \`primary\`, and \`both\` for \`parallel\` and \`transactional\` |

${groups.map(({ name, meaning }) => `## \`${name}\`\n\n${meaning}\n\n${tableOf(settings.filter(({ group }) => group === name))}`).join('\n')}
## \`legacy\` and \`modern\`

How a store is reached.

${tableOf(settings.filter(({ group }) => group === 'legacy'))}
## \`connect\`

How a service connects: \`connect(migration, options)\`.

${tableOf(members(body(source('../client/service/connect.ts'), 'ConnectOptions')))}`;
}

function tableOf(settings: readonly Pick<DescribedSetting, 'name' | 'meaning' | 'described'>[]): string {
  const rows = settings.map(
    ({ name, meaning, described }) => `| \`${name}\` | ${meaning.replaceAll('|', '\\|')} | ${described} |`,
  );
  return `| setting | meaning | default |\n| --- | --- | --- |\n${rows.join('\n')}\n`;
}

function source(file: string): string {
  return readFileSync(join(import.meta.dirname, '../../model', file), 'utf8');
}

function body(text: string, name: string): string {
  const found = new RegExp(`export interface ${name} \\{\\n(.*?)\\n\\}\\n`, 's').exec(text);
  if (!found?.[1]) throw new TypeError(`there is no interface ${name}`);
  return found[1];
}

interface Member {
  readonly name: string;
  readonly type: string;
  readonly meaning: string;
  readonly described: string;
}

function members(text: string): Member[] {
  const pattern = /\/\*\*(?<comment>.*?)\*\/\s*readonly (?<name>\w+)\??: (?<type>[^;]+);/gs;
  return [...text.matchAll(pattern)].map(({ groups }) => {
    const comment = (groups?.comment ?? '').replaceAll(/\s*\n\s*\*\s*/g, ' ').trim();
    const [meaning = '', described = ''] = comment.split(' @default ');
    return { name: groups?.name ?? '', type: groups?.type ?? '', meaning, described };
  });
}

function entriesOf(value: unknown): Map<string, unknown> {
  return new Map(Object.entries(value ?? {}));
}

if (import.meta.main) writeFileSync(pagePath, configurationPage());
