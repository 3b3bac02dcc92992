-- Stretches of keys that a backfill has read, and some of whose rows refer to rows that are not there yet.
CREATE TABLE lockstep.waiting (
  migration  text    COLLATE "C" NOT NULL,
  entity     text    COLLATE "C" NOT NULL,
  range_no   integer NOT NULL,
  page_no    integer NOT NULL,
  lower_key  text,
  upper_key  text,
  waiting    bigint  NOT NULL,
  refused    bigint  NOT NULL,
  PRIMARY KEY (migration, entity, range_no, page_no)
);

-- The key itself, where it is longer than what can be indexed: `record_key` is its digest then.
ALTER TABLE lockstep.differences ADD COLUMN IF NOT EXISTS full_key text;
