import { openLegacy, openModern } from '../../examples/orders/connections.ts';

/** A journal entry, as the database holds it. */
export interface Entry {
  readonly id: string;
  readonly key: string;
  readonly status: string;
  readonly version: string | null;
  readonly reason: string | null;
}

/** Everything that one store holds, read past Lockstep: keys are those of the rows, values are texts. */
export interface Contents {
  readonly rows: ReadonlyMap<string, string>;
  readonly records: ReadonlyMap<string, { version: string; deleted: boolean; digest: string | null }>;
  readonly journal: readonly Entry[];
  /** In the order in which the database saw it. */
  readonly witness: readonly { key: string; event: string; mark: number }[];
}

type Row = Readonly<Record<string, string | null>>;
type Query = (sql: string) => Promise<Row[]>;

const legacySql = {
  rows: (suffix: string) => `SELECT id, owner_nm AS owner, bal AS balance, note, opened AS openedOn,
    DATE_FORMAT(last_seen, '%Y-%m-%dT%H:%i:%s.%fZ') AS seenAt, mark FROM acct${suffix}`,
  records: 'SELECT record_key, version, deleted, digest FROM lockstep_records',
  journal: 'SELECT id, record_key, status, version, reason FROM lockstep_operations ORDER BY id',
  witness: 'SELECT id, event, mark FROM witness ORDER BY seq',
};

const modernSql = {
  rows: (suffix: string) => `SELECT id, owner, balance, note, opened_on AS "openedOn",
    to_char(seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "seenAt", mark FROM accounts${suffix}`,
  records: 'SELECT record_key, version, deleted, digest FROM lockstep.records',
  journal: 'SELECT id, record_key, status, version, reason FROM lockstep.operations ORDER BY id',
  witness: 'SELECT id, event, mark FROM witness ORDER BY seq',
};

/** @param suffixes of the tables of accounts */
export async function legacyContents(url: string, suffixes: readonly string[] = ['']): Promise<Contents> {
  return withLegacy(url, (query) => contents(query, legacySql, suffixes));
}

/** @param suffixes of the tables of accounts */
export async function modernContents(url: string, suffixes: readonly string[] = ['']): Promise<Contents> {
  return withModern(url, (query) => contents(query, modernSql, suffixes));
}

/** Ids that a store's journal has pending for the other, or keeps for a person's decision. */
export async function openIds(legacyUrl: string, modernUrl: string): Promise<string[]> {
  const where = "WHERE status IN ('pending', 'tentative', 'parked')";
  const found = await Promise.all([
    withLegacy(legacyUrl, (query) => query(`SELECT id FROM lockstep_operations ${where}`)),
    withModern(modernUrl, (query) => query(`SELECT id FROM lockstep.operations ${where}`)),
  ]);
  return found.flat().map(({ id }) => id ?? '');
}

export async function withLegacy<T>(url: string, work: (query: Query) => Promise<T>): Promise<T> {
  const connection = await openLegacy(url);
  try {
    return await work(async (sql) => {
      const [rows] = await connection.query(sql);
      return Array.isArray(rows) ? (rows as Row[]) : [];
    });
  } finally {
    await connection.end();
  }
}

export async function withModern<T>(url: string, work: (query: Query) => Promise<T>): Promise<T> {
  const client = await openModern(url);
  try {
    return await work(async (sql) => (await client.query<Row>(sql)).rows);
  } finally {
    await client.end();
  }
}

/** An account as text: what the stores are compared by. */
export function rowText(account: Readonly<Record<string, string | number | null>>): string {
  const { id, owner, balance, note, openedOn, seenAt, mark } = account;
  return JSON.stringify([id, owner, balance, note, openedOn, seenAt, Number(mark)]);
}

async function contents(query: Query, sql: typeof legacySql, suffixes: readonly string[]): Promise<Contents> {
  const rows: Row[] = [];
  for (const suffix of suffixes) rows.push(...(await query(sql.rows(suffix))));
  const records = await query(sql.records);
  const journal = await query(sql.journal);
  const witness = await query(sql.witness);
  return {
    rows: new Map(rows.map((row) => [row.id ?? '', rowText(row)])),
    records: new Map(
      records.map((row) => [
        keyOf(row),
        {
          version: row.version ?? '',
          deleted: row.deleted === '1' || row.deleted === 't',
          digest: row.digest ?? null,
        },
      ]),
    ),
    journal: journal.map((row) => ({
      id: row.id ?? '',
      key: keyOf(row),
      status: row.status ?? '',
      version: row.version ?? null,
      reason: row.reason ?? null,
    })),
    witness: witness.map((row) => ({ key: row.id ?? '', event: row.event ?? '', mark: Number(row.mark) })),
  };
}

/** A record's key is a JSON array of the key's parts; an account's has one. */
function keyOf(row: Row): string {
  const [key] = JSON.parse(row.record_key ?? '[]') as string[];
  return key ?? '';
}
