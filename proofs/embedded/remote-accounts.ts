import type { Reader, Writer } from '../account/call.ts';
import type { AccountCall } from './calls.ts';

/**
 * The accounts of a service in another process.
 *
 * @param make carries out a call there; what it gives is what the method gives
 */
export function remoteAccounts(make: (call: AccountCall) => Promise<unknown>): Writer & Reader {
  // The other side has called the method of this name, and text is all that travels.
  const made = async <T>(call: AccountCall): Promise<T> => (await make(call)) as T;
  return {
    get: (...given) => made({ method: 'get', given }),
    create: (...given) => made({ method: 'create', given }),
    replace: (...given) => made({ method: 'replace', given }),
    update: (...given) => made({ method: 'update', given }),
    delete: (...given) => made({ method: 'delete', given }),
  };
}
