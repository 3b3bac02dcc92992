/** Which of our folders each folder may import from, besides itself. Test, proofs, bench and examples may import from all. */
const allowed = {
  model: [],
  databases: ['model'],
  // Of activities the types only: see the rule below.
  workflows: ['model', 'activities'],
  activities: ['model', 'databases'],
  // Of workers only what a service with an embedded one loads: see the rule below.
  client: ['model', 'databases', 'workflows/messages\\.ts$', 'workers/start\\.ts$'],
  workers: ['model', 'databases', 'workflows', 'activities', 'client'],
  cli: ['model', 'client', 'workers', 'deploy'],
  deploy: ['scripts'],
  scripts: [],
};
/** The rooms of a folder, from the ground up: each may import from those before it, types included. */
const floors = {
  databases: [
    ['columns'],
    ['copy-format'],
    ['contract'],
    ['deciding', 'engine'],
    ['mysql', 'postgresql', 'sql'],
    ['backfill', 'comparison', 'transactions'],
    ['sql-store.ts'],
    ['open.ts'],
  ],
};
/** What package.json exports. */
const entries = '^(client|client/operator|workers)/index\\.ts$';
const product = '^(model|databases|workflows|activities|client|workers|cli|deploy)/';

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...Object.entries(allowed).map(([folder, others]) => ({
      name: `${folder}-imports`,
      comment: `${folder}/ may import from ${others.length === 0 ? 'no other folder of ours' : others.join(', ')}`,
      severity: 'error',
      from: { path: `^${folder}/` },
      to: { pathNot: ['node_modules/', ...[folder, ...others].map(start)], dependencyTypesNot: ['core'] },
    })),
    ...Object.entries(floors).flatMap(([folder, levels]) =>
      levels.flatMap((rooms, level) =>
        rooms.map((room) => ({
          name: `${folder}-${room}-imports`,
          comment: `${folder}/${room} may import from the rooms before it: ${levels.slice(0, level).flat().join(', ') || 'none'}`,
          severity: 'error',
          from: { path: start(`${folder}/${room}`) },
          to: {
            path: `^${folder}/`,
            pathNot: [...levels.slice(0, level).flat(), room].map((other) => start(`${folder}/${other}`)),
          },
        })),
      ),
    ),
    {
      name: 'engines-stay-behind-the-contract',
      comment:
        'activities and the client know stores by databases/contract and databases/deciding, and open them with databases/open.ts',
      severity: 'error',
      from: { path: '^(activities|client)/' },
      to: { path: '^databases/', pathNot: ['^databases/(contract|deciding)/', '^databases/open\\.ts$'] },
    },
    {
      name: 'embedded-worker-is-loaded-late',
      comment: 'a service needs the code of a worker only where it asks for one: use `await import(…)`',
      severity: 'error',
      from: { path: '^client/' },
      to: { path: '^workers/', dependencyTypesNot: ['dynamic-import'] },
    },
    {
      name: 'examples-use-the-package',
      comment:
        'an example is a service of somebody else: import from lockstep, lockstep/operator or lockstep/worker',
      severity: 'error',
      from: { path: '^examples/', pathNot: '^examples/orders/demo' },
      to: { path: product, pathNot: entries },
    },
    {
      name: 'workflows-are-deterministic',
      comment: 'workflow code runs in a sandbox: nothing of Node, no drivers',
      severity: 'error',
      from: { path: '^workflows/' },
      to: { dependencyTypes: ['core', 'npm'], pathNot: 'node_modules/@temporalio/(workflow|common)/' },
    },
    {
      name: 'workflows-proxy-activities',
      comment: 'workflows know activities by their types: write `import type`, and call them through a proxy',
      severity: 'error',
      from: { path: '^workflows/' },
      to: { path: '^activities/', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-development-packages',
      comment: 'what services and workers run may not need a devDependency',
      severity: 'error',
      from: { path: product },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['npm', 'npm-peer'] },
    },
    {
      name: 'no-unknown-packages',
      comment: 'the import cannot be resolved, or its package is not in package.json',
      severity: 'error',
      from: {},
      // A peer dependency that is optional counts as `npm-no-pkg` as well, and so does the package by its own name.
      to: {
        pathNot: entries,
        dependencyTypes: ['unknown', 'undetermined', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['npm-peer'],
      },
    },
    {
      name: 'no-cycles',
      comment: 'modules that need each other, be it for types alone: neither can be read without the other',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
  ],
  options: {
    // Read by TypeScript 6, because 7 has no parser to lend.
    parser: 'tsc',
    tsPreCompilationDeps: 'specify',
    includeOnly: { path: '^[a-z]' },
    doNotFollow: { path: 'node_modules' },
    // What Lockstep is compared with has packages of its own, which are not there before the bench has run.
    exclude: { path: '^(dist|coverage|bench/peers)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['lockstep-source', 'types', 'import', 'node', 'default'],
    },
  },
};

/** @param {string} path */
function start(path) {
  return path.endsWith('$')
    ? `^${path}`
    : path.endsWith('.ts')
      ? `^${path.replace('.', '\\.')}$`
      : `^${path}/`;
}
