import type { Direct } from '../databases/direct.ts';

/** What a server says when it takes nothing for now. */
export interface ServerError {
  readonly engine: 'PostgreSQL' | 'MariaDB';
  /** SQLSTATE at PostgreSQL, the error's number at MariaDB. */
  readonly code: string;
  readonly text?: string;
  /** For so long it reads nothing before it says so: what is sent meanwhile piles up. */
  readonly afterSeconds?: number;
}

/** A table takes nothing above a key, by triggers that raise the server's own error, until the answer is called. */
export async function addFailingTrigger(
  sql: Direct['rows'],
  table: string,
  { engine, code, text = 'secret', afterSeconds = 0 }: ServerError,
  above = 0,
): Promise<() => Promise<void>> {
  const message = `'${text.replaceAll("'", "''")}'`;
  if (engine === 'PostgreSQL') {
    await sql(`CREATE FUNCTION failing() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(${afterSeconds}); RAISE EXCEPTION USING ERRCODE = '${code}', MESSAGE = ${message}; END $$`);
    await sql(`CREATE TRIGGER failing BEFORE INSERT OR UPDATE ON ${table}
      FOR EACH ROW WHEN (NEW.id > ${above}) EXECUTE FUNCTION failing()`);
    return async () => {
      await sql('DROP FUNCTION failing() CASCADE');
    };
  }
  const events = ['INSERT', 'UPDATE'];
  for (const event of events)
    await sql(`CREATE TRIGGER failing_${event} BEFORE ${event} ON ${table} FOR EACH ROW
      IF NEW.id > ${above} THEN
        DO SLEEP(${afterSeconds});
        SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = ${code}, MESSAGE_TEXT = ${message};
      END IF`);
  return async () => {
    for (const event of events) await sql(`DROP TRIGGER failing_${event}`);
  };
}
