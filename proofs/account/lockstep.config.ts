import { migrationFrom } from './migration.ts';

export default migrationFrom(process.env);
