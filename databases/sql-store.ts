import type { StoreName } from '../model/failure.ts';
import type { Migration } from '../model/migration.ts';
import { Access } from './access.ts';
import { branchesOf } from './branches.ts';
import { bulkReads } from './bulk-read.ts';
import { bulkWrites } from './bulk-write.ts';
import { captureIn } from './capture.ts';
import { chunksOf } from './chunks.ts';
import { decisionsOf } from './decisions.ts';
import { differencesIn } from './differences.ts';
import { digestsIn } from './digests.ts';
import { durableState } from './durable-state.ts';
import type { Engine } from './engine.ts';
import { fingerprints } from './fingerprint.ts';
import { guardedWrites } from './guarded-write.ts';
import { imagePages } from './image-pages.ts';
import { images } from './images.ts';
import { journalOf } from './journal.ts';
import { keysOf } from './keys.ts';
import { openDifferencesIn } from './open-differences.ts';
import { preparation } from './preparation.ts';
import { presentKeysIn } from './present-keys.ts';
import { raisedVersionsIn } from './raised-versions.ts';
import { recordDigestsIn } from './record-digests.ts';
import { retirement } from './retirement.ts';
import { sharedRecordsIn } from './shared-records.ts';
import type { Store } from './store.ts';

/** The contract over an engine: everything that both engines do alike, a file for each part. */
export function sqlStore(name: StoreName, engine: Engine, migration: Migration): Store {
  const access = new Access(name, engine, migration);
  const writes = guardedWrites(access);
  return {
    name,
    engine: engine.kind,
    capabilities: engine.capabilities,
    address: engine.address,
    ...preparation(access),
    ...durableState(access),
    write: writes.write,
    ...journalOf(access),
    ...images(access),
    ...keysOf(access),
    ...sharedRecordsIn(access),
    ...digestsIn(access),
    ...recordDigestsIn(access),
    ...presentKeysIn(access),
    ...raisedVersionsIn(access),
    ...openDifferencesIn(access),
    ...captureIn(access),
    ...chunksOf(access, writes),
    ...branchesOf(access, writes),
    ...decisionsOf(access),
    ...bulkReads(access),
    ...imagePages(access),
    ...fingerprints(access),
    ...bulkWrites(access, writes),
    ...differencesIn(access),
    ...retirement(access),
    close: () => engine.close(),
  };
}
