import { amnesiaMigration, amnesiaMigrationVariable } from './migration.ts';

export default amnesiaMigration(process.env[amnesiaMigrationVariable] ?? '');
