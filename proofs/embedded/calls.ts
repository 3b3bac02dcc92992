import type { AnyFailureCode } from '../../model/failure-codes.ts';
import type { Reader, Writer } from '../account/call.ts';

type Accounts = Writer & Reader;

/** What a service in a process of its own is asked for. */
export type AccountCall = {
  readonly [Method in keyof Accounts]: {
    readonly method: Method;
    readonly given: Parameters<Accounts[Method]>;
  };
}[keyof Accounts];

export interface Request {
  readonly id: number;
  /** Whose accounts. */
  readonly entity: string;
  readonly call: AccountCall;
}

export interface Failed {
  /** Null where it is no failure of Lockstep's. */
  readonly code: AnyFailureCode | null;
  readonly message: string;
}

export type Answer =
  /** It is connected, and its worker takes work. */
  | 'ready'
  | { readonly id: number; readonly done: unknown }
  | { readonly id: number; readonly failed: Failed };
