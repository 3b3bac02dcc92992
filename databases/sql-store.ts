import type { StoreName } from '../model/failure.ts';
import type { Migration } from '../model/migration.ts';
import { createChunks } from './backfill/chunks.ts';
import { createCircles } from './backfill/circles.ts';
import { createImagePages } from './backfill/image-pages.ts';
import { pageLoads } from './backfill/load-page.ts';
import { createParentEntities } from './backfill/parent-links.ts';
import { createPostponements } from './backfill/postpone-page.ts';
import { pageReads } from './backfill/read-page.ts';
import { createScan } from './backfill/scan.ts';
import { createWaiting } from './backfill/waiting.ts';
import { createDigests } from './comparison/digests.ts';
import { createPresentKeys } from './comparison/present-keys.ts';
import { createRecordDigests } from './comparison/record-digests.ts';
import type { Store } from './contract/store.ts';
import type { Engine } from './engine/engine.ts';
import { createBoundaries } from './sql/boundaries.ts';
import { createCapture } from './sql/capture.ts';
import { StoreContext } from './sql/context.ts';
import { createDifferences } from './sql/differences.ts';
import { createDurableState } from './sql/durable-state.ts';
import { createFingerprints } from './sql/fingerprint.ts';
import { createFittingKeys } from './sql/fitting-keys.ts';
import { createGuardedWrites } from './sql/guarded-write.ts';
import { createImages } from './sql/images.ts';
import { createJournal } from './sql/journal.ts';
import { createKeys } from './sql/keys.ts';
import { createOrphans } from './sql/orphans.ts';
import { createPreparation } from './sql/preparation.ts';
import { createReadReports } from './sql/read-reports.ts';
import { createRecordedOutcomes } from './sql/recorded-outcomes.ts';
import { createRecordedRefusals } from './sql/recorded-refusals.ts';
import { createRetirement } from './sql/retirement.ts';
import { createRights } from './sql/rights.ts';
import { createSamples } from './sql/samples.ts';
import { createSequences } from './sql/sequences.ts';
import { createSharedRecords } from './sql/shared-records.ts';
import { createSightings } from './sql/sightings.ts';
import { createTableUse } from './sql/table-use.ts';
import { createTouches } from './sql/touches.ts';
import { createValues } from './sql/values.ts';
import { createVersionBumps } from './sql/version-bumps.ts';
import { createBranches } from './transactions/branches.ts';
import { createDecisions } from './transactions/decisions.ts';

/** The contract over an engine: everything that both engines do alike, a file for each part. */
export function createSqlStore(name: StoreName, engine: Engine, migration: Migration): Store {
  const context = new StoreContext(name, engine, migration);
  const writes = createGuardedWrites(context);
  return {
    name,
    engine: engine.kind,
    address: engine.address,
    lostConnections: () => engine.lostConnections(),
    ...createPreparation(context),
    ...createDurableState(context),
    write: writes.write,
    ...createJournal(context),
    refuse: createRecordedRefusals(context).refuse,
    ...createRecordedOutcomes(context),
    ...createImages(context),
    ...createValues(context),
    ...createKeys(context),
    ...createBoundaries(context),
    ...createFittingKeys(context),
    ...createSamples(context),
    ...createSharedRecords(context),
    ...createDigests(context),
    ...createRecordDigests(context),
    ...createPresentKeys(context),
    orphanKeys: createOrphans(context).orphanKeys,
    ...createVersionBumps(context),
    ...createCapture(context),
    ...createChunks(context),
    ...createWaiting(context),
    ...createParentEntities(context),
    ...createCircles(context, writes),
    ...createBranches(context, writes),
    ...createDecisions(context),
    ...pageReads(context),
    ...createImagePages(context),
    ...createScan(context),
    ...createFingerprints(context),
    ...pageLoads(context, writes),
    ...createPostponements(context),
    ...createDifferences(context),
    ...createSightings(context),
    ...createReadReports(context),
    ...createRetirement(context),
    ...createSequences(context),
    ...createTableUse(context),
    ...createTouches(context),
    ...createRights(context),
    close: () => engine.close(),
  };
}
