import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { CanaryEnvironment } from './environment.ts';

/** The command lines of all processes of this machine, without their environments. */
export function commandLines(): string {
  if (!existsSync('/proc/self/cmdline'))
    return execFileSync('ps', ['-A', '-ww', '-o', 'args='], { encoding: 'utf8' });
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        // It has ended meanwhile.
        return '';
      }
    })
    .join('\n');
}

/** What the servers say that the sessions of the migration's databases do. */
export async function statements({
  sql,
}: Pick<CanaryEnvironment, 'sql'>): Promise<{ mysql: string; postgresql: string }> {
  const mysql = await sql.legacy(
    'SELECT USER, STATE, INFO FROM information_schema.PROCESSLIST WHERE DB = DATABASE()',
  );
  const postgresql = await sql.modern(
    'SELECT usename, application_name, query FROM pg_stat_activity WHERE datname = current_database()',
  );
  return { mysql: JSON.stringify(mysql), postgresql: JSON.stringify(postgresql) };
}
