import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { up } from '../../deploy/dev/servers.ts';
import { recordTested, serverAt, type Tested } from './tested.ts';
import { contractSuite, pagePath, testedPage } from './tested-page.ts';

/**
 * Records what the last `npm test` found, of tests that name the server which they run on. Run this file after
 * `LOCKSTEP_TEST_SERVERS=mysql-9.7,mariadb-11.8,postgresql-18 npm test -- test/databases`.
 */
async function recordContract(): Promise<void> {
  const servers = await up();
  const usual = new Map([
    ['MariaDB', await serverAt(servers.mysql.url)],
    ['PostgreSQL', await serverAt(servers.postgresql.url)],
  ]);
  const { testResults } = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../.lockstep/tests.json'), 'utf8'),
  ) as { testResults: { assertionResults: { ancestorTitles: string[]; status: string }[] }[] };
  const counts = new Map<string, Tested>();
  for (const { ancestorTitles, status } of testResults.flatMap((one) => one.assertionResults)) {
    const [, title] =
      /\bat ((?:MySQL|MariaDB|PostgreSQL)(?: [\d.]+)?)\b/.exec(ancestorTitles.join(' ')) ?? [];
    if (title === undefined) continue;
    const on = usual.get(title) ?? title;
    const known = counts.get(on) ?? { suite: contractSuite, on, passed: 0, failed: 0, skipped: 0 };
    const kind = status === 'passed' || status === 'failed' ? status : 'skipped';
    counts.set(on, { ...known, [kind]: known[kind] + 1 });
  }
  recordTested([...counts.values()]);
  writeFileSync(pagePath, testedPage());
}

if (import.meta.main) await recordContract();
