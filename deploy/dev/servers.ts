import {
  type DevServer,
  type Endpoints,
  type FurtherName,
  furtherNames,
  type Report,
  type ServerName,
  type Servers,
  type StopMode,
} from './contract.ts';
import { NoWay } from './find-programs.ts';
import { isRunning, logOf, start, stop } from './instance.ts';
import { mariadb118, mysql, mysql97 } from './mysql.ts';
import { postgresql, postgresql18 } from './postgresql.ts';
import { reasonOf } from './reason.ts';
import { exclusively, readState } from './state.ts';
import { temporal } from './temporal.ts';

export type { FurtherName, ServerName, Servers, StopMode } from './contract.ts';

export interface ServerStatus {
  name: ServerName;
  title: string;
  /** `own`: the environment names a server of the user's own, which answers or does not. */
  state: 'running' | 'stopped' | 'own' | 'unreachable';
  /** Host and port, without credentials. */
  address: string | null;
  uiUrl: string | null;
  pid: number | null;
  way: string | null;
  log: string | null;
}

interface Options {
  /** Takes a line of progress, meant for stderr. */
  report?: Report;
}

export const devServers: { readonly [Name in ServerName]: DevServer<Name> } = {
  temporal,
  mysql,
  postgresql,
  'mysql-9.7': mysql97,
  'mariadb-11.8': mariadb118,
  'postgresql-18': postgresql18,
};
const three: readonly ServerName[] = ['temporal', 'mysql', 'postgresql'];
const names: readonly ServerName[] = [...three, ...furtherNames];
const silent: Report = () => {};

/** Starts what does not run yet and resolves when all three servers answer. */
export async function up({ report = silent }: Options = {}): Promise<Servers> {
  return exclusively(report, async () => {
    const settled = await Promise.allSettled([
      available(temporal, report),
      available(mysql, report),
      available(postgresql, report),
    ]);
    const failures = settled.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    if (failures.length > 0)
      throw new AggregateError(failures, failures.map((error) => error.message).join('\n\n'));
    const [first, second, third] = settled;
    if (first.status === 'rejected' || second.status === 'rejected' || third.status === 'rejected')
      throw failures[0];
    return { temporal: first.value, mysql: second.value, postgresql: third.value };
  });
}

/**
 * Starts one of the further servers where it does not run yet, and resolves when it answers.
 *
 * @returns why it cannot be had on this machine, where no way to its programs is open; any other failure is thrown
 */
export async function upFurther(
  name: FurtherName,
  { report = silent }: Options = {},
): Promise<{ url: string } | { unavailable: string }> {
  return exclusively(report, async () => {
    try {
      return await available<FurtherName>(devServers[name], report);
    } catch (error) {
      if (error instanceof NoWay) return { unavailable: error.message };
      throw error;
    }
  });
}

/** Stops the servers that this clone has started; those of the user's own are left alone. */
export async function down({ report = silent }: Options = {}): Promise<void> {
  await exclusively(report, async () => {
    for (const name of names) {
      const instance = readState().servers[name];
      if (instance === undefined || !(await isRunning(name, instance))) continue;
      await stop(devServers[name], instance, 'fast');
      report(`${devServers[name].title} stopped`);
    }
  });
}

/** Of the three, and of the further ones that were started here or that the environment names. */
export function status(): Promise<ServerStatus[]> {
  const known = names.filter(
    (name) =>
      three.includes(name) ||
      readState().servers[name] !== undefined ||
      devServers[name].ownEndpoint(process.env) !== undefined,
  );
  return Promise.all(known.map((name) => statusOf(devServers[name])));
}

/** For tests of outages. `kill` is a crash: no goodbye to clients, recovery at the next start. */
export async function stopServer(name: ServerName, mode: StopMode = 'fast'): Promise<void> {
  refuseOwn(devServers[name]);
  await exclusively(silent, async () => {
    const instance = readState().servers[name];
    if (instance !== undefined) await stop(devServers[name], instance, mode);
  });
}

/** Resolves when the server answers again, on the port it had. */
export async function startServer(name: ServerName): Promise<void> {
  const server: DevServer = devServers[name];
  refuseOwn(server);
  await exclusively(silent, () => start(server, silent));
}

async function available<Name extends ServerName>(
  server: DevServer<Name>,
  report: Report,
): Promise<Endpoints[Name]> {
  const own = server.ownEndpoint(process.env);
  if (own === undefined) return server.endpoint(await start(server, report));
  try {
    await server.ping(own);
    return own;
  } catch (error) {
    const reason = reasonOf(error);
    throw new Error(
      `${server.title} at ${addressOf(own)} does not answer (${reason}): start it, correct ${server.variable}, or unset it to let Lockstep start one`,
      { cause: error },
    );
  }
}

async function statusOf<Name extends ServerName>(server: DevServer<Name>): Promise<ServerStatus> {
  const { name, title } = server;
  const own = server.ownEndpoint(process.env);
  const instance = readState().servers[name];
  const endpoint = own ?? (instance && server.endpoint(instance));
  const running = own !== undefined || (instance !== undefined && (await isRunning(name, instance)));
  const answers =
    running &&
    endpoint !== undefined &&
    (await server.ping(endpoint).then(
      () => true,
      () => false,
    ));
  return {
    name,
    title,
    state: !running ? 'stopped' : !answers ? 'unreachable' : own === undefined ? 'running' : 'own',
    address: endpoint === undefined ? null : addressOf(endpoint),
    uiUrl: endpoint !== undefined && 'uiUrl' in endpoint ? endpoint.uiUrl : null,
    pid: (own === undefined && running && instance?.process?.pid) || null,
    way: own === undefined ? (instance?.way ?? null) : server.variable,
    log: own === undefined && instance !== undefined ? logOf(name) : null,
  };
}

function addressOf(endpoint: Endpoints[ServerName]): string {
  return 'url' in endpoint ? new URL(endpoint.url).host : endpoint.address;
}

function refuseOwn(server: DevServer): void {
  if (server.ownEndpoint(process.env) !== undefined) {
    throw new Error(
      `${server.variable} names a server of your own, which Lockstep neither stops nor starts: unset it for this command`,
    );
  }
}
