-- What the store was prepared for. `entities` has, by name, the digest of each definition and the fingerprint that calls of its
-- write routine carry; `tables` are those that the migration owns here. The newest revision holds.
CREATE TABLE IF NOT EXISTS lockstep_definitions (
  migration   VARCHAR(64) CHARACTER SET ascii   COLLATE ascii_bin   NOT NULL,
  revision    INT NOT NULL,
  entities    LONGTEXT    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  tables      LONGTEXT    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  policy      LONGTEXT    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  prepared_at TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (migration, revision)
) ENGINE = InnoDB;

-- The tables that migrations have retired. One that is renamed is never renamed again, whatever has its old name since.
CREATE TABLE IF NOT EXISTS lockstep_retired (
  migration    VARCHAR(64)  CHARACTER SET ascii   COLLATE ascii_bin   NOT NULL,
  table_name   VARCHAR(150) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  retired_name VARCHAR(150) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
  renamed      INT NOT NULL,
  dropped      INT NOT NULL,
  retired_at   TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (migration, table_name)
) ENGINE = InnoDB;
