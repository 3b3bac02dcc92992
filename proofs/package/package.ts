import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import { connectTemporal } from '../../client/temporal/connection.ts';
import usersMigration from '../../examples/users/lockstep.config.ts';
import { pack } from '../../scripts/pack.mjs';
import { connecting, createDatabasesOn, type Databases } from '../../test/support/databases.ts';
import { endMigration } from '../../test/support/end-migration.ts';
import { atMost, type Bar, type Conditions, exactly, type Figures, type Report, report } from '../report.ts';
import { Project } from './project.ts';
import { run } from './trial.ts';

const mostMegabytes = 60;
const onlyForWorkers = ['@temporalio/worker', '@temporalio/core-bridge', 'pino'];
/** What its `.npmrc` or mirror has of them, the newest of each. */
const nodes = ['22', '24'];

/** The packed package, installed as a user does it, far from this repository, on each Node that it says it runs on. */
export async function packaged({ servers, seed, short, note }: Conditions): Promise<Report> {
  const tarball = await pack();
  const bars: Bar[] = [];
  const figures: Record<string, Figures> = {};
  const tried = short ? [dirname(process.execPath)] : [];
  const tools = await Project.create({}, dirname(process.execPath), {});
  try {
    if (!short) {
      await tools.install(...nodes.map((version) => `node-${version}@npm:node@${version}`));
      tried.push(...nodes.map((version) => join(tools.folder, `node_modules/node-${version}/bin`)));
    }
    for (const node of tried) {
      for (const type of short ? (['commonjs'] as const) : (['module', 'commonjs'] as const)) {
        await using databases = await createDatabasesOn(servers);
        await createTables(databases);
        const name = `proof-package-${randomBytes(4).toString('hex')}`;
        const urls = { legacy: databases.mysqlUrl, modern: databases.postgresqlUrl };
        const environment = connecting(urls, servers);
        const project = await Project.create({ type }, node, environment);
        try {
          const version = (await project.node('--version')).stdout.trim();
          const title = `Node ${version}, ${type}`;
          note(title);
          const installSeconds = await project.install(tarball, 'zod');
          const alone = await project.packages();
          const found = await run(project, { name, type });
          const whole = await project.packages();
          const forWorkers = onlyForWorkers.filter((one) => alone.names.has(one));
          bars.push(
            exactly(`${title}: packages of a worker in a service's install`, 0, forWorkers.length),
            atMost(`${title}: megabytes of a service's install`, mostMegabytes, megabytes(alone.bytes)),
            ...found.bars.map((bar) => ({ ...bar, name: `${title}: ${bar.name}` })),
          );
          figures[title] = {
            service: {
              seconds: installSeconds,
              megabytes: megabytes(alone.bytes),
              packages: alone.names.size,
            },
            withWorker: {
              seconds: found.workerSeconds,
              megabytes: megabytes(whole.bytes),
              packages: whole.names.size,
            },
            failures: found.failures,
          };
        } finally {
          await endInTemporal(name, environment);
          await project.remove();
        }
      }
    }
  } finally {
    await tools.remove();
  }
  return report('package', seed, bars, figures);
}

async function createTables({ mysqlUrl, postgresqlUrl }: Databases): Promise<void> {
  const sql = (file: string) => readFile(join(import.meta.dirname, '../../examples/users', file), 'utf8');
  const mysql = await createConnection(mysqlUrl);
  await mysql.query(await sql('legacy.sql')).finally(() => mysql.end());
  const postgresql = new Client({ connectionString: postgresqlUrl });
  await postgresql.connect();
  await postgresql.query(await sql('modern.sql')).finally(() => postgresql.end());
}

async function endInTemporal(name: string, environment: NodeJS.ProcessEnv): Promise<void> {
  const temporal = await connectTemporal(environment);
  try {
    await endMigration(temporal, { ...usersMigration, name });
  } finally {
    await temporal.connection.close();
  }
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1e5) / 10;
}
