import { canariesMigration, nameVariable } from './person.ts';

const name = process.env[nameVariable];
if (!name) throw new Error(`${nameVariable} says which migration it is`);

export default canariesMigration(name);
