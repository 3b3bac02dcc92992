import { writeFileSync } from 'node:fs';
import { inspect, type ParseArgsConfig, parseArgs } from 'node:util';
import { type FurtherName, furtherNames } from '../deploy/dev/contract.ts';
import { type Servers, up, upFurther } from '../deploy/dev/servers.ts';
import { recordTested, serverAt } from '../test/support/tested.ts';
import { pagePath, testedPage } from '../test/support/tested-page.ts';
import { type ChosenServers, NotHere, type Report, type Run } from './report.ts';
import { tableOf } from './table.ts';

type Values = Readonly<Record<string, string | boolean | undefined>>;

export interface CommandLine<Given> {
  readonly usage: string;
  /** What can be run, by name. */
  readonly runs: ReadonlyMap<string, (run: Run & Given) => Promise<Report>>;
  /** Beside `--help`, `--json`, `--seed`, `--record`, `--mysql` and `--postgresql`. */
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** What the options say; null where they make no sense. */
  readonly given: (values: Values) => Given | null;
}

/** Runs what the arguments name, prints its report, and sets the exit code: 0 only where every bar holds. */
export async function runFromCommandLine<Given>(commandLine: CommandLine<Given>): Promise<void> {
  try {
    process.exitCode = await run(commandLine);
  } catch (error) {
    const told = isOfArguments(error) ? `${error.message}\n${commandLine.usage}` : inspect(error);
    process.stderr.write(`${error instanceof NotHere ? error.message : told}\n`);
    process.exitCode = 1;
  }
}

/** An option that there is not, or one without its value. */
function isOfArguments(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS_');
}

async function run<Given>({ usage, runs, options, given }: CommandLine<Given>): Promise<number> {
  const parsed = parseArgs({
    allowPositionals: true,
    options: {
      ...options,
      help: { type: 'boolean', short: 'h' },
      json: { type: 'boolean' },
      seed: { type: 'string' },
      record: { type: 'boolean' },
      mysql: { type: 'string' },
      postgresql: { type: 'string' },
    },
  });
  const values = parsed.values as Values;
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return 0;
  }
  const [name = '', ...others] = parsed.positionals;
  const named = runs.get(name);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const more = given(values);
  const chosen = chosenServers(values);
  if (!named || others.length > 0 || !Number.isSafeInteger(seed) || more === null || chosen === null) {
    process.stderr.write(`${usage}\n`);
    return 1;
  }
  const note = (line: string) => void process.stderr.write(`${line}\n`);
  const servers = await withChosen(await up({ report: note }), chosen, note);
  const found = await named({ servers, chosen, seed, note, ...more });
  process.stdout.write(values.json ? `${JSON.stringify(found)}\n` : `${tableOf(found)}\n`);
  if (values.record) await record(`proof ${name}${values.short ? ', short' : ''}`, servers, found);
  return found.pass ? 0 : 1;
}

/** Into docs/servers.md. */
async function record(suite: string, { mysql, postgresql }: Servers, { bars }: Report): Promise<void> {
  const on = `${await serverAt(mysql.url)} with ${await serverAt(postgresql.url)}`;
  const passed = bars.filter(({ ok }) => ok).length;
  recordTested([{ suite, on, passed, failed: bars.length - passed, skipped: 0 }]);
  writeFileSync(pagePath, testedPage());
}

/** Null where there is no server of that name, or it is of another kind. */
function chosenServers({ mysql, postgresql }: Values): ChosenServers | null {
  const named = (given: Values[string], kinds: RegExp): FurtherName | null | undefined =>
    given === undefined
      ? undefined
      : (furtherNames.find((name) => name === given && kinds.test(name)) ?? null);
  const chosen = { mysql: named(mysql, /^m/), postgresql: named(postgresql, /^p/) };
  if (chosen.mysql === null || chosen.postgresql === null) return null;
  return {
    ...(chosen.mysql ? { mysql: chosen.mysql } : {}),
    ...(chosen.postgresql ? { postgresql: chosen.postgresql } : {}),
  };
}

async function withChosen(servers: Servers, chosen: ChosenServers, note: Run['note']): Promise<Servers> {
  const instead = async (usual: { url: string }, name: FurtherName | undefined) => {
    if (name === undefined) return usual;
    const found = await upFurther(name, { report: note });
    if ('unavailable' in found) throw new NotHere(found.unavailable);
    return found;
  };
  return {
    ...servers,
    mysql: await instead(servers.mysql, chosen.mysql),
    postgresql: await instead(servers.postgresql, chosen.postgresql),
  };
}
