import { peopleMigrationFrom } from './people.ts';

export default peopleMigrationFrom(process.env);
