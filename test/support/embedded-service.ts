import { connect } from '../../client/service/connect.ts';
import migration from '../cli/lockstep.config.ts';
import { account } from './accounts.ts';

/** A service with the worker in its process, which writes until it is killed, and says what it was promised. */
const lockstep = await connect(migration, { worker: 'embedded' });
const accounts = lockstep.repository(account);
let next = 0;
const writer = async () => {
  for (;;) {
    next += 1;
    const id = 2_000_000 + next;
    const value = { id, owner: `owner ${id}`, email: null, balance: '1.00' };
    const { operationId } = await accounts.create(value, { ack: next % 2 === 0 ? 'both' : 'primary' });
    console.log(JSON.stringify({ id, operationId }));
  }
};
await Promise.all(Array.from({ length: 12 }, writer));
