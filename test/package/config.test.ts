import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Installed, installed } from '../support/installed.ts';

const definition = `
import { columns, defineMigration, entity, field } from 'lockstep';
import { z } from 'zod';

const schema = z.strictObject({ id: z.uuid() });
const user = entity<z.infer<typeof schema>>({
  name: 'user',
  schema,
  key: 'id',
  fields: { id: field.uuid() },
  legacy: columns({ table: 'users' }),
  modern: columns({ table: 'users' }),
});
export default defineMigration({ name: 'users', entities: [user], deadline: '2030-01-31T00:00:00Z' });
`;

let app: Installed;
beforeAll(async () => {
  app = await installed({});
});
afterAll(() => app[Symbol.dispose]());

/** `plan` loads the configuration, and then asks for the stores, which nothing here names. */
async function load(file: string) {
  const { code, stdout, stderr } = await app.lockstep('plan', '--json', '--config', file);
  return { code, stderr, error: JSON.parse(stdout).error as { code: string; message: string } };
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
    [`${type}/${file}`]: isTypeScript ? definition : definition.replace('<z.infer<typeof schema>>', ''),
  });
  const { code, stderr, error } = await load(`${type}/${file}`);
  expect(error.message).toContain('LOCKSTEP_LEGACY_URL is not set');
  expect(stderr).toBe('');
  expect(code).toBe(3);
});

test('imports without an extension, and TypeScript that is more than types, are loaded too', async () => {
  app.write({
    'loose/package.json': JSON.stringify({ type: 'module' }),
    'loose/kind.ts': 'export enum Kind { free = "free" }',
    'loose/lockstep.config.ts': `import { Kind } from './kind';\nexport const kind = Kind.free;\n${definition}`,
  });
  expect((await load('loose/lockstep.config.ts')).error.message).toContain('LOCKSTEP_LEGACY_URL is not set');
});

const faults: { what: string; text: string; said: string[] }[] = [
  {
    what: 'is no module',
    text: 'export const a = 1;\nexport default defineMigration({ ;\n',
    said: ['lockstep.config.ts:2: '],
  },
  {
    what: 'throws',
    text: "const a: number = 1;\n\nthrow new Error('DATABASE_REGION is not set');\n",
    said: ['lockstep.config.ts:3: DATABASE_REGION is not set'],
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
  },
  {
    what: 'has a fault in its definition',
    text: definition.replace("name: 'users'", "name: 'Users!'"),
    said: ['lockstep.config.ts:14: migration.name: "Users!"'],
  },
  {
    what: 'has a fault in a file that it imports',
    text: `export { default } from './other.ts';\n`,
    said: ['other.ts:2: in another file'],
  },
];

for (const type of ['module', 'commonjs']) {
  test.for(faults)(
    `a configuration in a package of type ${type} that $what exits with 3`,
    async ({ text, said }) => {
      app.write({
        'faulty/package.json': JSON.stringify({ type }),
        'faulty/other.ts': "const a: number = 1;\nthrow new Error('in another file');\nexport default a;\n",
        'faulty/lockstep.config.ts': text,
      });
      const { code, error } = await load('faulty/lockstep.config.ts');
      for (const part of said) expect(error.message).toContain(part);
      expect(error.message).toContain('faulty/');
      expect(error.code).toBe('InvalidDefinition');
      expect(code).toBe(3);
    },
  );
}

test('a configuration that is missing, or a folder, exits with 3', async () => {
  const { code, error } = await load('no-such.config.ts');
  expect(error.message).toContain(
    'no-such.config.ts: there is no such file; write it, name another with --config',
  );
  expect(code).toBe(3);
  expect((await load('node_modules')).error.message).toContain('node_modules: this is no file');
});

test('a migration of another copy of the package is refused, with both places', async () => {
  using other = await installed({ type: 'module' });
  other.write({ 'lockstep.config.ts': definition });
  const { code, error } = await load(`${other.folder}/lockstep.config.ts`);
  expect(error.message).toContain('another copy of lockstep (0.1.0 in ');
  expect(error.message).toContain(`${other.folder}/node_modules/lockstep`);
  expect(error.message).toContain('run npx lockstep in ');
  expect(code).toBe(3);
});
