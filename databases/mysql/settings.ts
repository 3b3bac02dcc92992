import { clockSetting, oneOf, type Setting } from '../contract/setting.ts';
import type { Session } from '../engine/session.ts';

const minPacketBytes = 4 * 1024 * 1024;

export async function readSettings({ query }: Pick<Session, 'query'>): Promise<Setting[]> {
  const [row] = await query(
    `SELECT @@session.time_zone AS zone, @@session.character_set_client AS charset, @@global.max_allowed_packet AS packet,
       @@global.innodb_flush_log_at_trx_commit AS flushes, @@global.read_only AS reads_only, @@global.local_infile AS loads,
       UNIX_TIMESTAMP(NOW(3)) * 1000 AS now_ms, @@global.log_bin AS logs`,
  );
  // A later server may do without it.
  const [format] = await query("SHOW GLOBAL VARIABLES LIKE 'binlog_format'");
  const logged = row?.logs === '1' ? (format?.Value ?? 'ROW') : 'none';
  const packet = Number(row?.packet);
  return [
    oneOf(
      'time_zone',
      row?.zone,
      ['+00:00'],
      'sessions must be at +00:00; does a proxy change what they set?',
    ),
    oneOf(
      'character_set_client',
      row?.charset,
      ['utf8mb4'],
      'sessions must speak utf8mb4; does a proxy change what they set?',
    ),
    {
      name: 'max_allowed_packet',
      value: String(packet),
      problem:
        packet >= minPacketBytes
          ? null
          : `SET GLOBAL max_allowed_packet = ${minPacketBytes} or more: a write is one packet`,
    },
    oneOf(
      'innodb_flush_log_at_trx_commit',
      row?.flushes,
      ['1'],
      'an acknowledged write may be lost in a crash; SET GLOBAL innodb_flush_log_at_trx_commit = 1',
    ),
    oneOf(
      'read_only',
      row?.reads_only,
      ['0', 'off'],
      'the server takes no writes; connect to the primary of its replication',
    ),
    oneOf(
      'binlog_format',
      logged,
      ['row', 'mixed', 'none'],
      "of a write at READ COMMITTED the binary log needs the rows; SET GLOBAL binlog_format = 'ROW', or 'MIXED'",
    ),
    {
      name: 'local_infile',
      value:
        row?.loads === '1'
          ? 'on'
          : 'off: a backfill into this store is slower; SET GLOBAL local_infile = 1 lets rows in by LOAD DATA',
      problem: null,
    },
    clockSetting(Number(row?.now_ms), Date.now()),
  ];
}
