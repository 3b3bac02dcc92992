import type { StoreName } from '../model/failure.ts';
import type { Migration } from '../model/migration.ts';
import { chunksOf } from './backfill/chunks.ts';
import { imagePages } from './backfill/image-pages.ts';
import { pageLoads } from './backfill/load-page.ts';
import { pageReads } from './backfill/read-page.ts';
import { digestsIn } from './comparison/digests.ts';
import { presentKeysIn } from './comparison/present-keys.ts';
import { recordDigestsIn } from './comparison/record-digests.ts';
import type { Store } from './contract/store.ts';
import type { Engine } from './engine/engine.ts';
import { captureIn } from './sql/capture.ts';
import { Access } from './sql/context.ts';
import { differencesIn } from './sql/differences.ts';
import { durableState } from './sql/durable-state.ts';
import { fingerprints } from './sql/fingerprint.ts';
import { guardedWrites } from './sql/guarded-write.ts';
import { images } from './sql/images.ts';
import { journalOf } from './sql/journal.ts';
import { keysOf } from './sql/keys.ts';
import { preparation } from './sql/preparation.ts';
import { raisedVersionsIn } from './sql/raised-versions.ts';
import { retirement } from './sql/retirement.ts';
import { sharedRecordsIn } from './sql/shared-records.ts';
import { branchesOf } from './transactions/branches.ts';
import { decisionsOf } from './transactions/decisions.ts';

/** The contract over an engine: everything that both engines do alike, a file for each part. */
export function sqlStore(name: StoreName, engine: Engine, migration: Migration): Store {
  const access = new Access(name, engine, migration);
  const writes = guardedWrites(access);
  return {
    name,
    engine: engine.kind,
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
    ...captureIn(access),
    ...chunksOf(access, writes),
    ...branchesOf(access, writes),
    ...decisionsOf(access),
    ...pageReads(access),
    ...imagePages(access),
    ...fingerprints(access),
    ...pageLoads(access, writes),
    ...differencesIn(access),
    ...retirement(access),
    close: () => engine.close(),
  };
}
