-- What a secondary took before the primary decided is open work too: it is looked for as what is pending is.
DROP INDEX IF EXISTS lockstep.operations_owed;

CREATE INDEX operations_owed ON lockstep.operations (migration, created_at)
  WHERE status IN ('pending', 'parked', 'tentative');
