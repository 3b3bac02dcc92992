import type { Command } from 'commander';
import { saveSchema } from '../model/plain-schema.ts';
import { openSession } from './session.ts';

export function addSchemaCommand(program: Command): void {
  program
    .command('schema')
    .description('print the JSON Schema of what the workflow save takes, for services in other languages')
    .action(async (_options: object, command: Command) => {
      const { migration, output } = await openSession(command);
      const schema = saveSchema(migration);
      output.result(schema, [JSON.stringify(schema, null, 2)]);
    });
}
