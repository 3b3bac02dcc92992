import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Installed, installed } from '../support/installed.ts';

const definition = `
import { defineMigration, entity, table } from 'lockstep';
import { z } from 'zod';

const schema: z.ZodObject = z.strictObject({ id: z.uuid(), email: z.email() });
const user = entity({ name: 'user', schema, key: 'id', legacy: table('users'), modern: table('users') });
export default defineMigration({ name: 'users', entities: [user], deadline: '2030-01-31T00:00:00Z' });
`;

/** As a command loads it, in a process that loads nothing else. */
const loader = `
import { loadMigration } from './node_modules/lockstep/dist/cli/config.js';
await loadMigration(process.argv[2]).then(
  ({ name }) => console.log(JSON.stringify({ name })),
  ({ code, message }) => console.log(JSON.stringify({ code, message })),
);
`;

let app: Installed;
beforeAll(async () => {
  app = await installed({ type: 'module' });
  app.write({ 'load.js': loader });
});
afterAll(() => app[Symbol.dispose]());

async function load(file: string): Promise<{ name?: string; code?: string; message: string }> {
  const { stdout, stderr } = await app.node('load.js', file);
  expect(stderr).toBe('');
  return JSON.parse(stdout);
}

test.for([
  { type: 'module', file: 'lockstep.config.ts' },
  { type: 'module', file: 'lockstep.config.js' },
  { type: 'commonjs', file: 'lockstep.config.ts' },
  { type: 'commonjs', file: 'lockstep.config.js' },
  { type: 'commonjs', file: 'lockstep.config.mts' },
  { type: 'none', file: 'lockstep.config.ts' },
  { type: 'none', file: 'lockstep.config.mjs' },
])('$file is loaded in a package of type $type', async ({ type, file }) => {
  const isTypeScript = file.endsWith('ts');
  app.write({
    [`${type}/package.json`]: JSON.stringify(type === 'none' ? {} : { type }),
    [`${type}/${file}`]: isTypeScript ? definition : definition.replace(': z.ZodObject', ''),
  });
  expect(await load(`${type}/${file}`)).toEqual({ name: 'users' });
});

test('imports without an extension, and TypeScript that is more than types, are loaded too', async () => {
  app.write({
    'loose/package.json': JSON.stringify({ type: 'module' }),
    'loose/kind.ts': 'export enum Kind { free = "free" }',
    'loose/lockstep.config.ts': `import { Kind } from './kind';\nexport const kind = Kind.free;\n${definition}`,
  });
  expect(await load('loose/lockstep.config.ts')).toEqual({ name: 'users' });
});

const faults: { what: string; text: string; said: string[]; jiti?: true }[] = [
  {
    what: 'is no module',
    text: 'export const a = 1;\nexport default defineMigration({ ;\n',
    said: ['lockstep.config.ts:2: '],
    jiti: true,
  },
  {
    what: 'throws',
    text: "const a: number = 1;\n\nthrow new Error('DATABASE_REGION is not set');\n",
    said: ['lockstep.config.ts:3: DATABASE_REGION is not set'],
    jiti: true,
  },
  {
    what: 'throws something that is no error',
    text: "throw 'no';\n",
    said: ['lockstep.config.ts: no'],
  },
  {
    what: 'has no default export',
    text: 'export const a = 1;\n',
    said: ['it has no default export', 'write export default defineMigration({ … })'],
  },
  {
    what: 'exports something else',
    text: "export default { name: 'users' };\n",
    said: ['it exports a value of type object by default', 'write export default defineMigration'],
  },
  {
    what: 'exports a promise',
    text: 'export default Promise.resolve(1);\n',
    said: ['it exports a promise by default'],
  },
  {
    what: 'imports a package that is not installed',
    text: "import { a } from '@acme/schemas/users';\nexport default a;\n",
    said: ['Cannot find ', "'@acme/schemas", 'run npm install @acme/schemas in '],
    jiti: true,
  },
  {
    what: 'has faults in its definition',
    text: definition.replace("name: 'users'", "name: 'Users!'").replace('2030', 'soon'),
    said: [
      'lockstep.config.ts:7: the definition has 2 faults:\n- ',
      'migration.name: "Users!"',
      'migration.deadline: "soon-01-31T00:00:00Z"',
    ],
    jiti: true,
  },
  {
    what: 'was written for another version of the package',
    text: "import { columns } from 'lockstep';\nexport default columns({ table: 'users' });\n",
    said: ['columns', 'it imports lockstep 0.1.0 in ', 'node_modules/lockstep; is it the version'],
    jiti: true,
  },
  {
    what: 'has a fault in a file that it imports',
    text: `export { default } from './other.ts';\n`,
    said: ['other.ts:2: in another file'],
    jiti: true,
  },
];

test.for([
  ...faults.map((fault) => ({ type: 'module', ...fault })),
  // Here jiti says it, and not Node.
  ...faults.filter(({ jiti }) => jiti).map((fault) => ({ type: 'commonjs', ...fault })),
])(
  'a configuration in a package of type $type that $what is refused with its place',
  async ({ type, text, said }) => {
    app.write({
      'faulty/package.json': JSON.stringify({ type }),
      'faulty/other.ts': "const a: number = 1;\nthrow new Error('in another file');\nexport default a;\n",
      'faulty/lockstep.config.ts': text,
    });
    const { code, message } = await load('faulty/lockstep.config.ts');
    for (const part of said) expect(message).toContain(part);
    expect(message).toContain('faulty/');
    expect(code).toBe('InvalidDefinition');
  },
);

test('what is missing, or a folder, is refused', async () => {
  const { message } = await load('no-such.config.ts');
  expect(message).toContain('no-such.config.ts: there is no such file; write it, name another with --config');
  expect((await load('node_modules')).message).toContain('node_modules: this is no file');
});

test('a migration of another copy of the package is refused, with both places', async () => {
  using other = await installed({ type: 'module' });
  other.write({ 'lockstep.config.ts': definition });
  const { message } = await load(`${other.folder}/lockstep.config.ts`);
  expect(message).toContain('another copy of lockstep (0.1.0 in ');
  expect(message).toContain(`${other.folder}/node_modules/lockstep`);
  expect(message).toContain('run npx lockstep in ');
});

test('a command ends with 3 where its configuration cannot be loaded', async () => {
  const { code, stdout, stderr } = await app.lockstep('status');
  expect(stderr).toContain('lockstep.config.ts: there is no such file');
  expect(stdout).toBe('');
  expect(code).toBe(3);
});
