import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { which } from '../../deploy/dev/programs.ts';

/** Two files, PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

/** An authority of a test's own, which signs what it is asked to. */
export interface Authority extends Certificate {
  /** @param names such as `DNS:localhost`, `IP:127.0.0.1`; none for a client */
  sign(subject: string, names?: readonly string[]): Certificate;
}

export interface Authorities extends Disposable {
  readonly folder: string;
  authority(name: string): Authority;
}

/** Makes certificates by `openssl`, in a folder of their own; or why this machine cannot. */
export function authorities(): Authorities | { unavailable: string } {
  if (which('openssl') === undefined) return { unavailable: 'openssl is not on the PATH' };
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-certificates-'));
  let count = 0;
  const make = (subject: string, more: readonly string[]): Certificate => {
    const base = join(folder, String(++count));
    const made = { cert: `${base}.pem`, key: `${base}.key` };
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
    const files = ['-out', made.cert, '-keyout', made.key];
    execFileSync(
      'openssl',
      ['req', '-x509', ...curve, '-days', '2', '-subj', `/CN=${subject}`, ...files, ...more],
      {
        stdio: 'ignore',
      },
    );
    return made;
  };
  return {
    folder,
    authority(name) {
      const own = make(name, []);
      return {
        ...own,
        sign: (subject, names = []) =>
          make(subject, [
            ...['-CA', own.cert, '-CAkey', own.key],
            ...['-addext', 'basicConstraints=critical,CA:FALSE'],
            ...(names.length > 0 ? ['-addext', `subjectAltName=${names.join(',')}`] : []),
          ]),
      };
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
