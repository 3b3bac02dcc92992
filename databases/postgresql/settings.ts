import { clockSetting, oneOf, type Setting } from '../contract/setting.ts';
import type { Session } from '../engine/session.ts';
import { checkedByRowReason } from './parent-checks.ts';

export async function readSettings({ query }: Pick<Session, 'query'>): Promise<Setting[]> {
  const [row] = await query(
    `SELECT pg_catalog.current_setting('TimeZone') AS zone, pg_catalog.current_setting('server_encoding') AS encoding, pg_catalog.current_setting('fsync') AS fsync,
       pg_catalog.current_setting('synchronous_commit') AS synchronous, pg_catalog.pg_is_in_recovery()::text AS standby,
       (SELECT pg_catalog.string_agg(schema, ', ') FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) AS path(schema)
         WHERE pg_catalog.has_schema_privilege('public', schema::text, 'CREATE')) AS opened,
       extract(epoch FROM pg_catalog.clock_timestamp()) * 1000.0 AS now_ms`,
  );
  const commits = ['on', 'local', 'remote_write', 'remote_apply'];
  return [
    oneOf('TimeZone', row?.zone, ['utc'], 'sessions must be at UTC; does a pooler change what they set?'),
    oneOf(
      'server_encoding',
      row?.encoding,
      ['utf8'],
      'create the database with ENCODING UTF8: others cannot hold every character',
    ),
    oneOf('fsync', row?.fsync, ['on'], 'an acknowledged write may be lost in a crash; set fsync = on'),
    oneOf(
      'synchronous_commit',
      row?.synchronous,
      commits,
      'an acknowledged write may be lost in a crash; set synchronous_commit = on',
    ),
    oneOf(
      'standby',
      row?.standby,
      ['false'],
      'the server takes no writes; connect to the primary of its replication',
    ),
    {
      name: 'schemas of the path',
      value: row?.opened
        ? `every account may create operators in ${row.opened}, which could run as Lockstep's; REVOKE CREATE ON SCHEMA ${row.opened} FROM PUBLIC`
        : 'not every account may create in them',
      problem: null,
    },
    {
      name: 'foreign keys',
      value: (await checkedByRowReason({ query })) ?? 'a backfill looks for the parents of a page at once',
      problem: null,
    },
    clockSetting(Number(row?.now_ms), Date.now()),
  ];
}
