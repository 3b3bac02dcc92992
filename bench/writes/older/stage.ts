import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import type { Servers } from '../../../deploy/dev/servers.ts';
import type { StoreUrls } from '../../../proofs/account/environment.ts';
import { createDatabasesOn, type Databases } from '../../../test/support/databases.ts';
import { keysOf } from '../accounts.ts';
import { fill, type Stage } from '../stage.ts';
import { olderModule } from './checkout.ts';

/** What its proofs stand on. */
interface OlderStages {
  buildStage(options: {
    servers: Servers;
    databases: Databases;
    pattern: 'primary-secondary';
    phase: 'dual-write';
  }): Promise<OlderStage>;
}

interface OlderStage extends AsyncDisposable {
  readonly lockstep: { readonly temporal: Client };
  readonly direct: StoreUrls;
  readonly environment: NodeJS.ProcessEnv;
  readonly worker: { readonly pid: number };
  readonly folder: string;
}

/** A migration of the older commit in `dual-write`, with its own worker, control tables and routines, on databases of its own. */
export async function openOlderStage(servers: Servers, seed: number): Promise<Stage> {
  await using building = new AsyncDisposableStack();
  const databases = building.use(await createDatabasesOn(servers));
  const { buildStage } = await olderModule<OlderStages>('test/proofs/stage.ts');
  const { lockstep, direct, environment, worker, folder } = building.use(
    await buildStage({ servers, databases, pattern: 'primary-secondary', phase: 'dual-write' }),
  );
  await fill(direct, keysOf(seed));
  const release = building.move();
  return {
    temporal: lockstep.temporal,
    workerPid: worker.pid,
    place(way) {
      const own = join(folder, way);
      mkdirSync(own);
      const migration = environment.LOCKSTEP_PROOF_MIGRATION ?? '';
      return { migration, environment, stores: direct, direct, folder: own };
    },
    [Symbol.asyncDispose]: () => release.disposeAsync(),
  };
}
