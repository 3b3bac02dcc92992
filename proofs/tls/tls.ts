import { openStore } from '../../databases/open.ts';
import { mysql, mysql97 } from '../../deploy/dev/mysql.ts';
import { postgresql } from '../../deploy/dev/postgresql.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import { defineMigration } from '../../model/migration.ts';
import { account } from '../../test/support/accounts.ts';
import { authorities } from '../../test/support/certificates.ts';
import { impostor } from '../../test/support/impostor.ts';
import { certified, tlsServer } from '../../test/support/tls-server.ts';
import { type Conditions, NotHere, type Report, report } from '../report.ts';
import { type Client, certificatesOf, clients, hosts, isAccepted, modes } from './cases.ts';

/**
 * Whom a connection is made with: servers × certificates × modes × hosts, and clients' certificates. What must be accepted is told by what
 * is known of each certificate, and by nothing of the program. Impostors keep all that they hear. In short, impostors alone.
 */
export async function tls({ seed, short, note }: Conditions): Promise<Report> {
  using made = present(authorities());
  const certificates = certificatesOf(made);
  const tally = { tried: 0, acceptedWrongly: 0, refusedWrongly: 0, untold: 0, impostors: 0, heardBytes: 0 };
  const wrong: string[] = [];
  const count = (what: string, wanted: boolean, outcome: Outcome) => {
    tally.tried += 1;
    if (outcome === 'untold') tally.untold += 1;
    if (wanted === (outcome === 'accepted')) return;
    tally[wanted ? 'refusedWrongly' : 'acceptedWrongly'] += 1;
    wrong.push(what);
  };

  for (const engine of ['mysql', 'postgresql'] as const)
    for (const shown of certificates.shown) {
      await using other = await impostor(engine, shown);
      for (const mode of modes.filter((one) => one !== 'disable'))
        for (const host of hosts) {
          // It never ends a log-in, so one that is accepted would hang.
          if (isAccepted(shown, mode, host)) continue;
          const url = `${engine}://someone:secret@${host}:${other.port}/shop`;
          count(
            `${engine} impostor, ${shown.name}, ${mode}, ${host}`,
            false,
            await attempt(through(url, host, { sslmode: mode, sslrootcert: certificates.authority.cert })),
          );
          tally.impostors += 1;
        }
      tally.heardBytes += other.heard().length;
    }

  for (const base of short ? [] : [mysql, mysql97, postgresql]) {
    await using server = await tlsServer(base, certificates.shown[0] ?? certificates.authority, [
      certificates.authority.cert,
      certificates.foreign.cert,
    ]);
    note(`${base.title} is up`);
    for (const shown of certificates.shown) {
      await server.show(shown);
      for (const mode of modes)
        for (const host of hosts) {
          const files = mode === 'disable' ? {} : { sslrootcert: certificates.authority.cert };
          const url = through(server.url, host, { sslmode: mode, ...files });
          count(
            `${base.title}, ${shown.name}, ${mode}, ${host}`,
            isAccepted(shown, mode, host),
            await attempt(url),
          );
        }
    }
    await server.show(certificates.shown[0] ?? certificates.authority);
    for (const client of clients) {
      const files = { sslrootcert: certificates.authority.cert, ...filesOf(client) };
      const url = through(server.url, '127.0.0.1', files, certified);
      count(`${base.title}, client ${client}`, client === 'right', await attempt(url));
    }
  }
  return report(
    'tls',
    seed,
    [
      bar('servers accepted that must not be', tally.acceptedWrongly),
      bar('servers refused that must not be', tally.refusedWrongly),
      bar('bytes that impostors heard behind the encryption', tally.heardBytes),
      bar('refusals without a code and a remedy', tally.untold),
    ],
    { ...tally, wrong },
  );

  function filesOf(client: Client): Record<string, string> {
    if (client === 'none') return {};
    const { cert, key } = certificates.clients[client];
    return { sslcert: cert, sslkey: key };
  }
}

type Outcome = 'accepted' | 'refused' | 'untold';

async function attempt(url: string): Promise<Outcome> {
  const migration = defineMigration({
    name: 'tls',
    entities: [account],
    deadline: '2100-01-01T00:00:00Z',
    legacy: { connectTimeoutMs: 5_000 },
  });
  const store = openStore(migration, 'legacy', { LOCKSTEP_LEGACY_URL: url });
  try {
    await store.ping();
    return 'accepted';
  } catch (error) {
    // A refused account has no remedy but the account's own.
    const isTold =
      isLockstepError(error, 'StoreRefused') ||
      (isLockstepError(error, 'StoreUnavailable') && error.details.remedy);
    return isTold ? 'refused' : 'untold';
  } finally {
    await store.close();
  }
}

function through(url: string, host: string, parameters: Record<string, string>, user?: string): string {
  const changed = new URL(url);
  changed.hostname = host;
  if (user !== undefined) changed.username = user;
  for (const [name, value] of Object.entries(parameters)) changed.searchParams.set(name, value);
  return changed.href;
}

function present<T extends object>(made: T | { unavailable: string }): T {
  if ('unavailable' in made) throw new NotHere(made.unavailable);
  return made;
}

function bar(name: string, got: number) {
  return { name, want: '0', got, ok: got === 0 };
}
