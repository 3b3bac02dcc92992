/** The one workflow of a migration: nobody else changes its route. */
export const migrationWorkflowId = (migration: string) => `migration/${migration}`;
