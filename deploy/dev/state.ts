import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '../../scripts/lock.mjs';
import type { Instance, Report, ServerName } from './contract.ts';
import { clone, stateFolder } from './place.ts';

const file = join(stateFolder, 'dev.json');

// Grows when Instance changes in a way that an older file does not answer to.
const FORMAT = 1;

/** What `.lockstep/dev.json` holds: the servers that this clone has started. */
export interface State {
  format: number;
  clone: string;
  servers: Partial<Record<ServerName, Instance>>;
}

export function readState(): State {
  if (!existsSync(file)) return { format: FORMAT, clone, servers: {} };
  const state: State = JSON.parse(readFileSync(file, 'utf8'));
  if (state.clone !== clone) {
    throw new Error(
      `${stateFolder} was made for ${state.clone}: the clone was copied or moved. Stop that one's servers, remove ${stateFolder}, and run again`,
    );
  }
  if (state.format !== FORMAT) {
    const pids = Object.values(state.servers).flatMap(({ process }) => process?.pid ?? []);
    throw new Error(
      `${file} was written by another version of Lockstep: end the processes ${pids.join(', ')} if they still run, remove ${stateFolder}, and run again`,
    );
  }
  return state;
}

/** Changes what is remembered of one server. Call it only inside `exclusively`. */
export function remember(name: ServerName, instance: Instance): void {
  const state = readState();
  state.servers[name] = instance;
  mkdirSync(stateFolder, { recursive: true });
  const draft = `${file}.new`;
  writeFileSync(draft, `${JSON.stringify(state, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, file);
}

/** Runs `work` while no other command of this clone starts or stops servers. */
export function exclusively<T>(report: Report, work: () => Promise<T>): Promise<T> {
  return withLock(join(stateFolder, 'dev.lock'), work, {
    onWait: (pid) => report(`waiting for process ${pid}, which is starting or stopping the servers`),
  });
}
