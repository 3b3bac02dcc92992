import { join } from 'node:path';
import { connect } from '../../client/service/connect.ts';
import type { Servers } from '../../deploy/dev/servers.ts';
import { connecting } from '../../test/support/databases.ts';
import { type Proxy as Between, proxy } from '../../test/support/proxy.ts';
import { WorkerProcess } from '../../test/support/worker-process.ts';
import { migrationWorkflowId } from '../../workflows/messages.ts';
import type { ProofEnvironment } from '../account/environment.ts';
import { migrationFrom } from '../account/migration.ts';
import { Service } from './service.ts';

export type Kind = 'service' | 'worker';
export type From = 'stores' | 'temporal';
export type How = 'cut' | 'hang';

/** A process with ways of its own to stores and Temporal. */
export interface Participant {
  readonly name: string;
  readonly kind: Kind;
  readonly ways: Readonly<Record<From, readonly Between[]>>;
}

export interface Participants {
  /** The last one is never cut off. */
  readonly services: readonly Service[];
  /** Those that can be cut off. */
  readonly lost: Readonly<Record<Kind, readonly Participant[]>>;
  /** The worker whose cache has the migration's workflow. */
  leader(): Promise<Participant>;
}

/** Two workers and two services that can be cut off, and a service that cannot. */
export async function participants(
  environment: ProofEnvironment,
  servers: Servers,
  release: AsyncDisposableStack,
): Promise<Participants> {
  const pids = new Map<Participant, number>();
  const workers: Participant[] = [];
  const services: Service[] = [];
  const lostServices: Participant[] = [];
  for (const name of ['worker 1', 'worker 2']) {
    const { participant, behind } = await place(name, 'worker', environment, servers, release);
    const log = join(environment.folder, `${name.replace(' ', '-')}.log`);
    const worker = await WorkerProcess.start(behind, log);
    release.defer(() => worker.stop());
    await worker.ready();
    pids.set(participant, worker.pid);
    workers.push(participant);
  }
  for (const name of ['service 1', 'service 2']) {
    const { participant, behind } = await place(name, 'service', environment, servers, release);
    const connected = release.use(await connect(migrationFrom(behind), { environment: behind }));
    services.push(new Service(name, connected.repository(environment.account)));
    lostServices.push(participant);
  }
  services.push(new Service('service 3', environment.lockstep.repository(environment.account)));
  // That one knows no other way than the straight one.
  await environment.worker.stop();
  return {
    services,
    lost: { service: lostServices, worker: workers },
    async leader() {
      const [first] = workers;
      if (!first) throw new TypeError('there are workers');
      const pid = await leadingPid(environment);
      return workers.find((worker) => pids.get(worker) === pid) ?? first;
    },
  };
}

async function place(
  name: string,
  kind: Kind,
  { direct, environment }: ProofEnvironment,
  servers: Servers,
  release: AsyncDisposableStack,
): Promise<{ participant: Participant; behind: NodeJS.ProcessEnv }> {
  const legacy = release.use(await proxy(direct.legacy));
  const modern = release.use(await proxy(direct.modern));
  const temporal = release.use(await proxy(`tcp://${servers.temporal.address}`));
  const { host } = new URL(temporal.url);
  const through = { temporal: { ...servers.temporal, address: host } };
  return {
    participant: { name, kind, ways: { stores: [legacy, modern], temporal: [temporal] } },
    behind: { ...environment, ...connecting({ legacy: legacy.url, modern: modern.url }, through) },
  };
}

/** Of the process that has carried out the migration's last workflow task. */
async function leadingPid({ temporal, migration }: ProofEnvironment): Promise<number | null> {
  const handle = temporal.workflow.getHandle(migrationWorkflowId(migration.name));
  const { events } = await handle.fetchHistory();
  const last = events?.findLast((event) => event.workflowTaskCompletedEventAttributes);
  const [pid] = last?.workflowTaskCompletedEventAttributes?.identity?.split('@') ?? [];
  return pid ? Number(pid) : null;
}
