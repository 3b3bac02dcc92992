-- How far a store has come, and how far it has seen the other come. A store whose own mark is below what the other has seen of
-- it was set back.
CREATE TABLE lockstep.sightings (
  migration text COLLATE "C" PRIMARY KEY,
  own_mark  bigint NOT NULL,
  seen_mark bigint NOT NULL
);
