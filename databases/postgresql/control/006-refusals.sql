-- Why the primary refused an operation for good, as JSON: a repeat is told the same. What it refuses because of what the record is
-- stands in `reason` alone.
ALTER TABLE lockstep.operations ADD COLUMN refusal text;
