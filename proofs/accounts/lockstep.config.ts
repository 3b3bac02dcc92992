import { accountsMigration, nameVariable } from './migration.ts';

const name = process.env[nameVariable];
if (!name) throw new Error(`${nameVariable} says which migration it is`);

export default accountsMigration(name);
