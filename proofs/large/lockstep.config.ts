import { documentMigration, variable } from './documents.ts';

const name = process.env[variable];
if (!name) throw new Error(`${variable} says what to migrate`);

export default documentMigration(name);
