import { type Bar, exactly } from '../report.ts';
import type { Ended, Project } from './project.ts';
import { inFunction, readmeFiles } from './readme.ts';

const compilerOptions = {
  module: 'nodenext',
  target: 'es2024',
  lib: ['es2024', 'esnext.disposable'],
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: false,
  rewriteRelativeImportExtensions: true,
  skipLibCheck: true,
  rootDir: '.',
  outDir: 'built',
};

/** What a user does from the install on: check, prepare, compile, run a worker, start, write. */
export async function run(
  project: Project,
  { name, type }: { name: string; type: 'module' | 'commonjs' },
): Promise<{ bars: readonly Bar[]; failures: readonly string[]; workerSeconds: number }> {
  const bars: Bar[] = [];
  const failures: string[] = [];
  const step = (what: string, want: number, { code, stdout, stderr }: Ended) => {
    bars.push(exactly(what, want, code ?? -1));
    if (code !== want) failures.push(`${what}: ${stdout} ${stderr}`);
    return stdout + stderr;
  };
  const lockstep = (...args: string[]) => project.npx('lockstep', ...args);

  await project.write(filesFor(name, type));
  step('doctor, before prepare', 3, await lockstep('doctor'));
  step('prepare', 0, await lockstep('prepare', '--yes'));
  step('doctor', 0, await lockstep('doctor'));
  const refusal = step('worker without its packages', 3, await lockstep('worker'));
  const [, remedy = ''] = /npm install (.+)$/m.exec(refusal) ?? [];
  const workerSeconds = await project.install(...remedy.trim().split(' '));
  await project.install('--save-dev', 'typescript', '@types/node@22');
  step('compiles', 0, await project.npx('tsc'));
  const whole = await project.npx('tsc', '--noEmit', '--skipLibCheck', 'false', '--pretty', 'false');
  const ours = whole.stdout.split('\n').filter((line) => line.startsWith('node_modules/lockstep/'));
  bars.push(exactly("errors in the package's own types", 0, ours.length));
  failures.push(...ours);

  const worker = project.background('lockstep', 'worker');
  try {
    step('start', 0, await lockstep('start', '--yes'));
    const status = step('status', 0, await lockstep('status', '--json'));
    bars.push(exactly('phase', 'legacy-only', JSON.parse(status).phase));
    const written = step('service', 0, await project.node('built/service.js'));
    bars.push(exactly('what the service reads back', 'Ada', written.trim()));
  } finally {
    const { stderr } = await worker.stop();
    const drained = stderr.includes('worker stopped');
    bars.push(exactly('worker, told to stop', 'drained', drained ? 'drained' : 'died'));
    if (!drained) failures.push(`worker: ${stderr}`);
  }
  return { bars, failures, workerSeconds };
}

function filesFor(name: string, type: 'module' | 'commonjs'): Record<string, string> {
  const files = readmeFiles();
  const { 'service.ts': service, 'lockstep.config.ts': config } = files;
  if (!service || !config) throw new Error('README has no service.ts, or no lockstep.config.ts');
  return {
    ...files,
    // A name of its own, because others may be moving the README's users on the same servers.
    'lockstep.config.ts': config.replace(/(?<=defineMigration\(\{\s*name: ')[^']+/, name),
    'service.ts': type === 'commonjs' ? inFunction(service) : service,
    'tsconfig.json': JSON.stringify({ compilerOptions }),
  };
}
