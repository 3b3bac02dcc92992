-- Why the primary refused an operation for good, as JSON: a repeat is told the same. What it refuses because of what the record is
-- stands in `reason` alone.
ALTER TABLE lockstep_operations ADD COLUMN refusal TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin AFTER failure;
