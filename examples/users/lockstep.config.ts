import { defineMigration } from 'lockstep';
import { user } from './user.ts';

export default defineMigration({ name: 'users', entities: [user], deadline: '2030-01-31T00:00:00Z' });
