import { connect } from '../../client/service/connect.ts';
import { isRetryable } from '../../model/is-lockstep-error.ts';
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
    const ack = next % 2 === 0 ? 'both' : 'primary';
    try {
      const { operationId } = await accounts.create(value, { ack });
      console.log(JSON.stringify({ id, operationId }));
    } catch (error) {
      // On a busy machine some have no answer in time: they are promised to nobody.
      if (!isRetryable(error)) throw error;
    }
  }
};
await Promise.all(Array.from({ length: 12 }, writer));
