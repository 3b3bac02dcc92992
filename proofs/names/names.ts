import { openStore } from '../../databases/open.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { defineMigration } from '../../model/migration.ts';
import { createDatabasesOn, inRoles } from '../../test/support/databases.ts';
import { atLeast, type Conditions, exactly, type Report, report } from '../report.ts';
import { type Named, namedAs, someNames } from './entities.ts';
import { isRefused } from './hostile-names.ts';
import { paths } from './paths.ts';
import { type From, openStage, type Stage } from './stage.ts';

/**
 * Names that mean something to SQL, JSON, JavaScript or Lockstep's own statements, as the names of a table, of its columns and of a
 * record's properties, go through everything that Lockstep does with a table, at both engines. What is found by plain SQL is what was
 * meant, or the name was refused before anything was made; and no name was ever carried out.
 */
export async function names(conditions: Conditions): Promise<Report> {
  const { seed, short, note, servers, only = '' } = conditions;
  const chosen = someNames(seed, short ? 8 : 1, only).map(namedAs);
  const sound = chosen.filter(({ name }) => !isRefused(name));
  const refused = chosen.filter(({ name }) => isRefused(name));
  const wrong: string[] = [];
  let cases = 0;
  let injected = 0;
  for (const from of ['mysql', 'postgresql'] as const) {
    note(`${sound.length} names and ${paths.size} paths from ${from}`);
    await using stage = await openStage(servers, from, sound);
    for (const named of sound) {
      for (const [path, follow] of paths) {
        cases += 1;
        const why = await follow(stage, named).catch((error: unknown) => String(error));
        if (why !== null) wrong.push(`${path} of ${JSON.stringify(named.name)} at ${from}: ${why}`);
      }
    }
    injected += await carriedOut(stage);
    for (const named of refused) {
      cases += 1;
      const why = await notRefused(conditions, from, named);
      if (why !== null) wrong.push(`${JSON.stringify(named.name)} at ${from}: ${why}`);
    }
  }
  const bars = [
    exactly('wrong', 0, wrong.length),
    exactly('injected', 0, injected),
    atLeast('names and paths', leastOf(short, only), cases),
  ];
  return report('names', seed, bars, {
    names: chosen.length,
    paths: paths.size,
    cases,
    wrong: wrong.slice(0, 40),
  });
}

function leastOf(short: boolean, only: string): number {
  if (only !== '') return 1;
  return short ? 100 : 500;
}

/** How many stores have lost the table that some names say should go. */
async function carriedOut(stage: Stage): Promise<number> {
  let gone = 0;
  for (const store of ['legacy', 'modern'] as const) {
    const rows = await stage.sql[store]('SELECT id FROM canary').catch(() => []);
    if (rows.length !== 1) gone += 1;
  }
  return gone;
}

/** Null where the definition is refused by this name, before anything is made. */
async function notRefused({ servers }: Conditions, from: From, named: Named): Promise<string | null> {
  await using databases = await createDatabasesOn(servers);
  const { legacy: url } = inRoles(databases, from);
  const migration = defineMigration({
    name: 'names',
    entities: [named.plain],
    deadline: '2100-01-01T00:00:00Z',
    legacy: { urlFrom: 'URL' },
  });
  const store = openStore(migration, 'legacy', { URL: url });
  try {
    await store.assertDefinable();
    return 'was taken';
  } catch (error) {
    return isLockstepError(error, 'InvalidDefinition') && error.message.includes(`name "${named.name}"`)
      ? null
      : String(error);
  } finally {
    await store.close();
  }
}
