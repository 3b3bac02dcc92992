-- How far a store has come, and how far it has seen the other come. A store whose own mark is below what the other has seen of
-- it was set back.
CREATE TABLE lockstep_sightings (
  migration VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  own_mark  BIGINT NOT NULL,
  seen_mark BIGINT NOT NULL,
  PRIMARY KEY (migration)
) ENGINE = InnoDB;
