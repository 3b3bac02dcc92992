-- Stretches of keys that a backfill has read, and some of whose rows refer to rows that are not there yet.
CREATE TABLE lockstep_waiting (
  migration  VARCHAR(64)  CHARACTER SET ascii   COLLATE ascii_bin NOT NULL,
  entity     VARCHAR(64)  CHARACTER SET ascii   COLLATE ascii_bin NOT NULL,
  range_no   INT NOT NULL,
  page_no    INT NOT NULL,
  lower_key  TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  upper_key  TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  waiting    BIGINT NOT NULL,
  refused    BIGINT NOT NULL,
  PRIMARY KEY (migration, entity, range_no, page_no)
) ENGINE = InnoDB;

-- The key itself, where it is longer than what can be indexed: `record_key` is its digest then.
ALTER TABLE lockstep_differences ADD COLUMN full_key LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Where a range begins, ends and stands may be a key that is too long to be used.
ALTER TABLE lockstep_chunks MODIFY lower_key TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
ALTER TABLE lockstep_chunks MODIFY upper_key TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
ALTER TABLE lockstep_chunks MODIFY cursor_key TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
