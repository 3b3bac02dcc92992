/** The server asked for the password over an unencrypted connection beyond this machine, and did not get it. */
export class PasswordKept extends Error {
  readonly remedy = 'encrypt the connection with sslmode=verify-full in the URL';

  constructor() {
    super('the server asks for the password itself, and the connection is not encrypted');
  }
}
