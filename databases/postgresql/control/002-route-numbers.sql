-- Counts the changes of the route, shares and phases too: a store takes only a higher one.
ALTER TABLE lockstep.state ADD COLUMN change_number bigint NOT NULL DEFAULT 0;

-- Which journals know an outcome: null where only this one does, `to` where the other store's has it from here, `from` where
-- it was decided in the other store.
ALTER TABLE lockstep.operations ADD COLUMN copied text COLLATE "C";

CREATE INDEX operations_uncopied ON lockstep.operations (migration, id) WHERE copied IS NULL;

ALTER TABLE lockstep.decisions ADD COLUMN copied text COLLATE "C";

CREATE INDEX decisions_uncopied ON lockstep.decisions (migration, id) WHERE copied IS NULL;
