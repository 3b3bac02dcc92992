-- Counts the changes of the route, shares and phases too: a store takes only a higher one.
ALTER TABLE lockstep_state ADD COLUMN change_number BIGINT NOT NULL DEFAULT 0 AFTER epoch;

-- Which journals know an outcome: null where only this one does, `to` where the other store's has it from here, `from` where
-- it was decided in the other store.
ALTER TABLE lockstep_operations ADD COLUMN copied VARCHAR(4) CHARACTER SET ascii COLLATE ascii_bin AFTER attempts;

ALTER TABLE lockstep_operations ADD KEY operations_uncopied (migration, copied);

ALTER TABLE lockstep_decisions ADD COLUMN copied VARCHAR(4) CHARACTER SET ascii COLLATE ascii_bin AFTER reason;

ALTER TABLE lockstep_decisions ADD KEY decisions_uncopied (migration, copied);
