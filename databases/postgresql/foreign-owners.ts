/**
 * Owners of the schema `lockstep`, or of something in it, of whose role this account is no member. A superuser counts as a member of all, so
 * one trusts itself and other superusers alone: what a trigger of an owner's does would run with all that it may.
 */
export const foreignOwners = `
SELECT DISTINCT owner.rolname AS name
FROM pg_namespace n
LEFT JOIN pg_class c ON c.relnamespace = n.oid
LEFT JOIN pg_proc p ON p.pronamespace = n.oid
JOIN pg_roles owner ON owner.oid IN (n.nspowner, c.relowner, p.proowner)
JOIN pg_roles me ON me.rolname = current_user
WHERE n.nspname = 'lockstep' AND NOT owner.rolsuper AND owner.oid <> me.oid
  AND (me.rolsuper OR NOT pg_catalog.pg_has_role(owner.oid, 'USAGE'))`;
