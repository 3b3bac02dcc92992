import { LockstepError, type StoreName } from '../../model/failure.ts';

/** What the oldest server has that can do what is asked of it. */
const leastVersions = { PostgreSQL: '15', MySQL: '8.0.19', MariaDB: '10.6' } as const;

/** Before anything else is asked: of an older server some statement would fail, and not say why. */
export function assertLeastVersion(
  { store, address }: { readonly store: StoreName; readonly address: string },
  server: keyof typeof leastVersions,
  version: string,
): void {
  const least = leastVersions[server];
  const found = numbersOf(version);
  const wanted = numbersOf(least);
  const differing = wanted.findIndex((number, at) => number !== (found[at] ?? 0));
  if (differing === -1 || (found[differing] ?? 0) > (wanted[differing] ?? 0)) return;
  const remedy = `upgrade it to ${server} ${least} or newer; docs/servers.md says what is tested`;
  throw new LockstepError(
    'StoreUnavailable',
    `the ${store} store (${address}) is ${server} ${version}, which is too old; ${remedy}`,
    { store, reason: `${server} ${version} is older than ${least}`, remedy },
  );
}

function numbersOf(version: string): number[] {
  return (/^\d+(\.\d+)*/.exec(version)?.[0] ?? '').split('.').map(Number);
}
