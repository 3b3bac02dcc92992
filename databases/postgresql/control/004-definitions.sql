-- What the store was prepared for. `entities` has, by name, the digest of each definition and the fingerprint that calls of its
-- write routine carry; `tables` are those that the migration owns here. The newest revision holds.
CREATE TABLE IF NOT EXISTS lockstep.definitions (
  migration   text    COLLATE "C" NOT NULL,
  revision    integer NOT NULL,
  entities    text    NOT NULL,
  tables      text    NOT NULL,
  policy      text    NOT NULL,
  prepared_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (migration, revision)
);

-- The tables that migrations have retired. One that is renamed is never renamed again, whatever has its old name since.
CREATE TABLE IF NOT EXISTS lockstep.retired (
  migration    text    COLLATE "C" NOT NULL,
  table_name   text    COLLATE "C" NOT NULL,
  retired_name text    COLLATE "C" NOT NULL,
  renamed      integer NOT NULL,
  dropped      integer NOT NULL,
  retired_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (migration, table_name)
);
