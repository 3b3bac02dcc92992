CREATE SCHEMA IF NOT EXISTS lockstep;

-- The guard: one row for each key that was written through Lockstep.
CREATE TABLE IF NOT EXISTS lockstep.records (
  entity    text    COLLATE "C" NOT NULL,
  record_key text   COLLATE "C" NOT NULL,
  version   bigint  NOT NULL,
  deleted   boolean NOT NULL,
  digest    text    COLLATE "C",
  operation text    COLLATE "C",
  PRIMARY KEY (entity, record_key)
) WITH (fillfactor = 80);

-- Idempotency and write-ahead journal. `attempts` counts the tries of the other store, `failure` and `reason` are of the last
-- one that failed.
CREATE TABLE IF NOT EXISTS lockstep.operations (
  id           text   COLLATE "C" PRIMARY KEY,
  migration    text   COLLATE "C" NOT NULL,
  entity       text   COLLATE "C" NOT NULL,
  record_key   text   COLLATE "C" NOT NULL,
  kind         text   COLLATE "C" NOT NULL,
  status       text   COLLATE "C" NOT NULL,
  version      bigint,
  epoch        bigint,
  reason       text,
  failure      text   COLLATE "C",
  attempts     integer NOT NULL DEFAULT 0,
  before_image text,
  created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX IF NOT EXISTS operations_owed ON lockstep.operations (migration, created_at)
  WHERE status IN ('pending', 'parked');

CREATE INDEX IF NOT EXISTS operations_over ON lockstep.operations (migration, created_at)
  WHERE status IN ('completed', 'failed', 'aborted', 'compensated');

-- The fence and the durable route.
CREATE TABLE IF NOT EXISTS lockstep.state (
  migration     text    COLLATE "C" PRIMARY KEY,
  phase         text    NOT NULL,
  epoch         bigint  NOT NULL,
  open          integer NOT NULL,
  primary_store text    NOT NULL,
  read_percent  integer NOT NULL,
  write_percent integer NOT NULL,
  updated_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Checkpoints of backfills.
CREATE TABLE IF NOT EXISTS lockstep.chunks (
  migration  text    COLLATE "C" NOT NULL,
  entity     text    COLLATE "C" NOT NULL,
  range_no   integer NOT NULL,
  lower_key  text,
  upper_key  text,
  cursor_key text,
  done       integer NOT NULL,
  copied     bigint  NOT NULL,
  skipped    bigint  NOT NULL,
  refused    bigint  NOT NULL,
  bytes      bigint  NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (migration, entity, range_no)
);

-- Keys that differ, or that a store refused, with the reason.
CREATE TABLE IF NOT EXISTS lockstep.differences (
  migration text COLLATE "C" NOT NULL,
  entity    text COLLATE "C" NOT NULL,
  record_key text COLLATE "C" NOT NULL,
  verdict   text NOT NULL,
  reason    text NOT NULL,
  found_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (migration, entity, record_key)
);

-- Gives a text back if the database keeps it in that very form; a column's value may not change in silence.
CREATE OR REPLACE FUNCTION lockstep.exactly(given text, kept text, name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  IF given IS DISTINCT FROM kept THEN
    RAISE EXCEPTION USING ERRCODE = 'LS002', COLUMN = name, MESSAGE = 'the column keeps the value in another form';
  END IF;
  RETURN given;
END
$$;

-- Transactions over both stores, as the store that coordinates them has decided.
CREATE TABLE IF NOT EXISTS lockstep.decisions (
  migration  text COLLATE "C" NOT NULL,
  id         text COLLATE "C" NOT NULL,
  operation  text COLLATE "C" NOT NULL,
  entity     text COLLATE "C" NOT NULL,
  record_key text COLLATE "C" NOT NULL,
  attempt    text COLLATE "C" NOT NULL,
  decision   text,
  versions   text,
  code       text,
  reason     text,
  began_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  decided_at timestamptz,
  PRIMARY KEY (migration, id)
);

CREATE INDEX IF NOT EXISTS decisions_open ON lockstep.decisions (migration, began_at) WHERE decision IS NULL;

CREATE INDEX IF NOT EXISTS decisions_over ON lockstep.decisions (migration, began_at)
  WHERE decision IN ('commit', 'abort');

-- Keys that sessions other than Lockstep's wrote, as lists in JSON; `prepare --capture` makes the triggers.
CREATE TABLE IF NOT EXISTS lockstep.captured (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  entity     text COLLATE "C" NOT NULL,
  record_key text COLLATE "C" NOT NULL,
  at         timestamptz NOT NULL DEFAULT clock_timestamp()
);
