/**
 * Owners of the schema `lockstep`, or of something in it, of whose role this account is no member. A superuser counts as a member of all, so
 * one trusts itself and other superusers alone: what a trigger of an owner's does would run with all that it may.
 */
export const owners = `
SELECT DISTINCT owner.rolname AS name
FROM pg_namespace n
LEFT JOIN pg_class c ON c.relnamespace = n.oid
LEFT JOIN pg_proc p ON p.pronamespace = n.oid
JOIN pg_roles owner ON owner.oid IN (n.nspowner, c.relowner, p.proowner)
JOIN pg_roles me ON me.rolname = current_user
WHERE n.nspname = 'lockstep' AND NOT owner.rolsuper AND owner.oid <> me.oid
  AND (me.rolsuper OR NOT pg_catalog.pg_has_role(owner.oid, 'USAGE'))`;

/** What somebody has put on control tables, or in their place. Constraints make triggers as well, which are internal. */
export const additions = `
SELECT 'the trigger ' || t.tgname || ' on lockstep.' || c.relname AS name
FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'lockstep' AND NOT t.tgisinternal
UNION ALL
SELECT 'the rule ' || r.rulename || ' on lockstep.' || c.relname
FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'lockstep' AND c.relkind IN ('r', 'p')
UNION ALL
SELECT 'lockstep.' || c.relname || ', which is no table'
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'lockstep' AND c.relkind IN ('v', 'm', 'f')`;
