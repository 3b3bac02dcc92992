import type { Authorities, Certificate } from '../../test/support/certificates.ts';

export const modes = ['verify-full', 'verify-ca', 'disable'] as const;
export type Mode = (typeof modes)[number];

/** By name and by address: this machine. */
export const hosts = ['localhost', '127.0.0.1'] as const;

/** Of the client: the authority that signed it, and its files. */
export const clients = ['right', 'foreign', 'none'] as const;
export type Client = (typeof clients)[number];

/** A certificate of a server, and what is true of it. The proof decides by this alone. */
export interface Shown extends Certificate {
  readonly name: string;
  readonly isTrusted: boolean;
  readonly isFor: readonly string[];
}

export function certificatesOf(made: Authorities) {
  const authority = made.authority('the authority');
  const foreign = made.authority('another authority');
  const signed = (
    name: string,
    isTrusted: boolean,
    isFor: readonly string[],
    others: readonly string[] = [],
  ): Shown => ({
    ...(isTrusted ? authority : foreign).sign('store', [
      ...isFor.map((host) => `${/^\d/.test(host) ? 'IP' : 'DNS'}:${host}`),
      ...others,
    ]),
    name,
    isTrusted,
    isFor,
  });
  return {
    authority,
    foreign,
    shown: [
      signed('right', true, hosts),
      signed('for the name alone', true, ['localhost']),
      signed('for the address alone', true, ['127.0.0.1']),
      signed('for another host', true, [], ['DNS:db.example', 'IP:192.0.2.1']),
      signed('for a name that begins alike', true, [], ['DNS:localhost.example', 'DNS:*.localhost']),
      signed('by another authority', false, hosts),
    ],
    clients: { right: authority.sign('client'), foreign: made.authority('a third authority').sign('client') },
  };
}

/** Whether a client may go on to say who it is. */
export function isAccepted({ isTrusted, isFor }: Shown, mode: Mode, host: string): boolean {
  if (mode === 'disable') return true;
  return isTrusted && (mode === 'verify-ca' || isFor.includes(host));
}
