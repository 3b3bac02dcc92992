-- Holds a number for a change that is not here yet.
SELECT 1;
