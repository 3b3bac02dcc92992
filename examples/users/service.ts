import { connect } from 'lockstep';
import migration from './lockstep.config.ts';
import { user } from './user.ts';

await using lockstep = await connect(migration);
const users = lockstep.repository(user);

const id = crypto.randomUUID();
await users.create({ id, email: `${id}@example.com`, name: 'Ada' });
await users.update(id, { name: 'Ada Lovelace' });
console.log((await users.get(id))?.value);
