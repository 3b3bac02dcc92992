import type { Servers } from '../../../deploy/dev/servers.ts';
import {
  backfillWorkflowId,
  migrationWorkflowId,
  validationWorkflowId,
} from '../../../workflows/messages.ts';

export interface Links {
  /** The migration's run in Temporal UI; null where the server has no UI that we know of. */
  migration: string | null;
  backfill: string | null;
  validation: string | null;
  writes: string | null;
}

export function linksTo({ uiUrl, namespace }: Servers['temporal'], migration: string): Links {
  const base = uiUrl === null ? null : `${uiUrl}/namespaces/${namespace}/workflows`;
  const run = (id: string) => base && `${base}/${encodeURIComponent(id)}`;
  const writes = encodeURIComponent(`LockstepMigration = '${migration}' AND WorkflowType = 'write'`);
  return {
    migration: run(migrationWorkflowId(migration)),
    backfill: run(backfillWorkflowId(migration)),
    validation: run(validationWorkflowId(migration)),
    writes: base && `${base}?query=${writes}`,
  };
}
