import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { dockerCompose } from './compose.ts';
import type { DevServer } from './contract.ts';
import { cachedTemporal, goInstallTemporal, officialTemporal, pathTemporal } from './temporal-cli.ts';

const PING_MS = 5_000;
/** Of the one shard that this server has; see "How Temporal is set up" in docs/performance.md. */
const dynamicConfig = {
  'history.transferProcessorMaxPollRPS': 1_000,
  'history.transferProcessorMaxPollInterval': '5s',
};
const searchAttributes = ['LockstepMigration', 'LockstepEntity', 'LockstepState', 'LockstepDeadline'];

export const temporal: DevServer<'temporal'> = {
  name: 'temporal',
  title: 'Temporal',
  variable: 'TEMPORAL_ADDRESS',
  firstPort: 17233,
  firstUiPort: 18233,
  accounts: [],
  signals: { fast: 'SIGTERM', kill: 'SIGKILL' },
  ways: [pathTemporal, cachedTemporal, dockerCompose, officialTemporal, goInstallTemporal],

  // The server makes its file itself.
  initialize: async () => {},

  command({ programs, folder, port, uiPort }) {
    return {
      file: programs ?? 'temporal',
      args: [
        'server',
        'start-dev',
        '--ip=127.0.0.1',
        `--port=${port}`,
        `--ui-port=${uiPort ?? port + 1000}`,
        `--db-filename=${join(folder, 'temporal.sqlite')}`,
        '--sqlite-pragma=journal_mode=wal',
        '--sqlite-pragma=synchronous=2',
        ...searchAttributes.map((name) => `--search-attribute=${name}=Keyword`),
        ...Object.entries(dynamicConfig).map(
          ([name, value]) => `--dynamic-config-value=${name}=${JSON.stringify(value)}`,
        ),
        '--log-format=json',
        '--log-level=warn',
        // The user's own Temporal settings are for clients; a profile in them must not change this server.
        '--disable-config-file',
        '--disable-config-env',
      ],
    };
  },

  endpoint: ({ port, uiPort }) => ({
    address: `127.0.0.1:${port}`,
    namespace: 'default',
    uiUrl: `http://127.0.0.1:${uiPort ?? port + 1000}`,
  }),

  ownEndpoint(env) {
    if (!env.TEMPORAL_ADDRESS) return undefined;
    return {
      address: env.TEMPORAL_ADDRESS,
      namespace: env.TEMPORAL_NAMESPACE ?? 'default',
      uiUrl: env.TEMPORAL_UI_URL ?? null,
    };
  },

  async ping({ address, namespace }) {
    // A server of the user's own may want TLS or an API key, which come from Temporal's own settings.
    const own = address === process.env.TEMPORAL_ADDRESS ? loadClientConnectConfig().connectionOptions : {};
    const connection = await Connection.connect({ ...own, address, connectTimeout: PING_MS });
    try {
      await connection.withDeadline(Date.now() + PING_MS, () =>
        connection.workflowService.describeNamespace({ namespace }),
      );
    } finally {
      await connection.close();
    }
  },
};
