import type { TestProject } from 'vitest/node';
import { type Servers, up } from '../deploy/dev/servers.ts';

declare module 'vitest' {
  interface ProvidedContext {
    servers: Servers;
  }
}

/** Leaves the servers up: the next run starts at once. */
export default async function setup(project: TestProject): Promise<void> {
  project.provide('servers', await up({ report: (line) => process.stderr.write(`${line}\n`) }));
}
