import { inspect, type ParseArgsConfig, parseArgs } from 'node:util';
import { up } from '../deploy/dev/servers.ts';
import { NotHere, type Report, type Run } from './report.ts';
import { tableOf } from './table.ts';

type Values = Readonly<Record<string, string | boolean | undefined>>;

export interface CommandLine<Given> {
  readonly usage: string;
  /** What can be run, by name. */
  readonly runs: ReadonlyMap<string, (run: Run & Given) => Promise<Report>>;
  /** Beside `--json` and `--seed`. */
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** What the options say; null where they make no sense. */
  readonly given: (values: Values) => Given | null;
}

/** Runs what the arguments name, prints its report, and sets the exit code: 0 only where every bar holds. */
export async function runFromCommandLine<Given>(commandLine: CommandLine<Given>): Promise<void> {
  try {
    process.exitCode = await run(commandLine);
  } catch (error) {
    process.stderr.write(`${error instanceof NotHere ? error.message : inspect(error)}\n`);
    process.exitCode = 1;
  }
}

async function run<Given>({ usage, runs, options, given }: CommandLine<Given>): Promise<number> {
  const parsed = parseArgs({
    allowPositionals: true,
    options: { ...options, json: { type: 'boolean' }, seed: { type: 'string' } },
  });
  const values = parsed.values as Values;
  const [name = '', ...others] = parsed.positionals;
  const named = runs.get(name);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const more = given(values);
  if (!named || others.length > 0 || !Number.isSafeInteger(seed) || more === null) {
    process.stderr.write(`${usage}\n`);
    return 1;
  }
  const note = (line: string) => void process.stderr.write(`${line}\n`);
  const servers = await up({ report: note });
  const found = await named({ servers, seed, note, ...more });
  process.stdout.write(values.json ? `${JSON.stringify(found)}\n` : `${tableOf(found)}\n`);
  return found.pass ? 0 : 1;
}
