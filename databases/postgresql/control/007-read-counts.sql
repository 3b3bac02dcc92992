-- What services have counted of their reads: a row for about a minute of one service under one change of the route.
CREATE TABLE lockstep.read_counts (
  migration     text   COLLATE "C" NOT NULL,
  id            text   COLLATE "C" NOT NULL,
  change_number bigint NOT NULL,
  legacy        bigint NOT NULL,
  modern        bigint NOT NULL,
  fell_back     bigint NOT NULL,
  lagged        bigint NOT NULL,
  undecided     bigint NOT NULL,
  equal         bigint NOT NULL,
  unequal       bigint NOT NULL,
  in_flight     bigint NOT NULL,
  failed        bigint NOT NULL,
  counted_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (migration, id)
);

-- A read asks whether what it finds is undecided: hardly ever is anything.
CREATE INDEX operations_undecided ON lockstep.operations (entity, record_key)
  WHERE version IS NULL AND status IN ('tentative', 'parked');
