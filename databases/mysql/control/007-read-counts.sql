-- What services have counted of their reads: a row for about a minute of one service under one change of the route.
CREATE TABLE lockstep_read_counts (
  migration     VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  id            VARCHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  change_number BIGINT NOT NULL,
  legacy        BIGINT NOT NULL,
  modern        BIGINT NOT NULL,
  fell_back     BIGINT NOT NULL,
  lagged        BIGINT NOT NULL,
  undecided     BIGINT NOT NULL,
  equal         BIGINT NOT NULL,
  unequal       BIGINT NOT NULL,
  in_flight     BIGINT NOT NULL,
  failed        BIGINT NOT NULL,
  counted_at    TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3),
  PRIMARY KEY (migration, id)
) ENGINE = InnoDB;
