-- The migrations that were applied to the control tables. `steps` counts the statements that have been run; `applied_at` is
-- null while some are left.
CREATE TABLE IF NOT EXISTS lockstep_migrations (
  version    INT NOT NULL,
  name       VARCHAR(100) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  steps      INT NOT NULL,
  applied_at TIMESTAMP(3) NULL,
  PRIMARY KEY (version)
) ENGINE = InnoDB;

-- The guard: one row for each key that was written through Lockstep.
CREATE TABLE IF NOT EXISTS lockstep_records (
  entity     VARCHAR(64)  CHARACTER SET ascii   COLLATE ascii_bin   NOT NULL,
  record_key VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  version    BIGINT  NOT NULL,
  deleted    TINYINT NOT NULL,
  digest     CHAR(64)     CHARACTER SET ascii   COLLATE ascii_bin,
  operation  VARCHAR(200) CHARACTER SET ascii   COLLATE ascii_bin,
  PRIMARY KEY (entity, record_key)
) ENGINE = InnoDB;

-- Idempotency and write-ahead journal. `attempts` counts the tries of the other store, `failure` and `reason` are of the last
-- one that failed.
CREATE TABLE IF NOT EXISTS lockstep_operations (
  id           VARCHAR(200) CHARACTER SET ascii   COLLATE ascii_bin   NOT NULL,
  migration    VARCHAR(64)  CHARACTER SET ascii   COLLATE ascii_bin   NOT NULL,
  entity       VARCHAR(64)  CHARACTER SET ascii   COLLATE ascii_bin   NOT NULL,
  record_key   VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  kind         VARCHAR(20)  CHARACTER SET ascii   COLLATE ascii_bin   NOT NULL,
  status       VARCHAR(20)  CHARACTER SET ascii   COLLATE ascii_bin   NOT NULL,
  version      BIGINT,
  epoch        BIGINT,
  reason       VARCHAR(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  failure      VARCHAR(40)  CHARACTER SET ascii   COLLATE ascii_bin,
  attempts     INT NOT NULL DEFAULT 0,
  before_image LONGTEXT     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  created_at   TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  updated_at   TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (id),
  KEY operations_owed (migration, status, created_at)
) ENGINE = InnoDB;

-- The fence and the durable route.
CREATE TABLE IF NOT EXISTS lockstep_state (
  migration     VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  phase         VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  epoch         BIGINT NOT NULL,
  open          INT    NOT NULL,
  primary_store VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  read_percent  INT    NOT NULL,
  write_percent INT    NOT NULL,
  updated_at    TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (migration)
) ENGINE = InnoDB;

-- Checkpoints of backfills.
CREATE TABLE IF NOT EXISTS lockstep_chunks (
  migration  VARCHAR(64)  CHARACTER SET ascii   COLLATE ascii_bin NOT NULL,
  entity     VARCHAR(64)  CHARACTER SET ascii   COLLATE ascii_bin NOT NULL,
  range_no   INT NOT NULL,
  lower_key  VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  upper_key  VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  cursor_key VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  done       INT    NOT NULL,
  copied     BIGINT NOT NULL,
  skipped    BIGINT NOT NULL,
  refused    BIGINT NOT NULL,
  bytes      BIGINT NOT NULL DEFAULT 0,
  updated_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (migration, entity, range_no)
) ENGINE = InnoDB;

-- Keys that differ, or that a store refused, with the reason.
CREATE TABLE IF NOT EXISTS lockstep_differences (
  migration  VARCHAR(64)  CHARACTER SET ascii   COLLATE ascii_bin   NOT NULL,
  entity     VARCHAR(64)  CHARACTER SET ascii   COLLATE ascii_bin   NOT NULL,
  record_key VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  verdict    VARCHAR(20)  CHARACTER SET ascii   COLLATE ascii_bin   NOT NULL,
  reason     VARCHAR(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  found_at   TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (migration, entity, record_key)
) ENGINE = InnoDB;

-- Transactions over both stores, as the store that coordinates them has decided.
CREATE TABLE IF NOT EXISTS lockstep_decisions (
  migration  VARCHAR(64)  CHARACTER SET ascii   COLLATE ascii_bin   NOT NULL,
  id         VARCHAR(64)  CHARACTER SET ascii   COLLATE ascii_bin   NOT NULL,
  operation  VARCHAR(200) CHARACTER SET ascii   COLLATE ascii_bin   NOT NULL,
  entity     VARCHAR(64)  CHARACTER SET ascii   COLLATE ascii_bin   NOT NULL,
  record_key VARCHAR(700) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  attempt    VARCHAR(8)   CHARACTER SET ascii   COLLATE ascii_bin   NOT NULL,
  decision   VARCHAR(10)  CHARACTER SET ascii   COLLATE ascii_bin,
  versions   TEXT         CHARACTER SET ascii   COLLATE ascii_bin,
  code       VARCHAR(40)  CHARACTER SET ascii   COLLATE ascii_bin,
  reason     VARCHAR(500) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,
  began_at   TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  decided_at TIMESTAMP(3) NULL,
  PRIMARY KEY (migration, id),
  KEY decisions_open (migration, decision, began_at)
) ENGINE = InnoDB;

-- Always empty: what prepared branches insert and delete here stays locked until they end. See branches.ts.
CREATE TABLE IF NOT EXISTS lockstep_branches (
  migration VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  id        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  PRIMARY KEY (migration, id)
) ENGINE = InnoDB;

-- Keys that sessions other than Lockstep's wrote, as lists in JSON; `prepare --capture` makes the triggers.
CREATE TABLE IF NOT EXISTS lockstep_captured (
  id         BIGINT AUTO_INCREMENT PRIMARY KEY,
  entity     VARCHAR(64) CHARACTER SET ascii   COLLATE ascii_bin   NOT NULL,
  record_key LONGTEXT    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  at         TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)
) ENGINE = InnoDB;

-- A store that was prepared before there were versions may lack these columns.
ALTER TABLE lockstep_operations ADD COLUMN failure VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin AFTER reason;

ALTER TABLE lockstep_operations ADD COLUMN attempts INT NOT NULL DEFAULT 0 AFTER failure;

ALTER TABLE lockstep_chunks ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0 AFTER refused;
