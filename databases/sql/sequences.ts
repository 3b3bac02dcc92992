import type { Entity } from '../../model/entity.ts';
import type { StoreContext } from './context.ts';

/** Sequences and identities, which know nothing of keys that came with their rows. */
export function createSequences(context: StoreContext) {
  async function primeStatements(entity: Entity): Promise<string[]> {
    const { tables } = await context.bind(entity);
    return await context.translateErrors(async () => {
      const statements: string[] = [];
      for (const { name } of tables) statements.push(...(await context.engine.primeStatements(name)));
      return statements;
    });
  }

  async function primeSequences(entity: Entity): Promise<void> {
    for (const statement of await primeStatements(entity)) await context.query(statement);
  }

  return { primeStatements, primeSequences };
}
