import { connect } from '../../client/service/connect.ts';
import { isLockstepError } from '../../model/is-lockstep-error.ts';
import type { Accounts } from '../account/call.ts';
import { proofFrom } from '../account/migration.ts';
import type { AccountCall, Answer, Failed, Request } from './calls.ts';

/** A service with the worker in its process, which makes the calls that it is asked for until the one who asks is gone. */
const { accounts, migration } = proofFrom(process.env);
const lockstep = await connect(migration, { worker: 'embedded' });
const repositories = new Map<string, Accounts>(
  accounts.map((account) => [account.name, lockstep.repository(account)]),
);

function make(repository: Accounts, { method, given }: AccountCall): Promise<unknown> {
  switch (method) {
    case 'get':
      return repository.get(...given);
    case 'create':
      return repository.create(...given);
    case 'replace':
      return repository.replace(...given);
    case 'update':
      return repository.update(...given);
    case 'delete':
      return repository.delete(...given);
  }
}

async function answerTo({ id, entity, call }: Request): Promise<Answer> {
  try {
    const repository = repositories.get(entity);
    if (!repository) throw new TypeError(`there are no accounts ${entity}`);
    return { id, done: await make(repository, call) };
  } catch (error) {
    const failed: Failed = {
      code: isLockstepError(error) ? error.code : null,
      message: error instanceof Error ? error.message : String(error),
    };
    return { id, failed };
  }
}

process.on('message', (request: Request) => {
  void answerTo(request).then((answer) => process.send?.(answer));
});
const close = () => void lockstep.close().finally(() => process.exit());
process.once('disconnect', close);
process.once('SIGTERM', close);
process.send?.('ready' satisfies Answer);
