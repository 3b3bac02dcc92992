import pg from 'pg';
import { PasswordKept } from '../engine/password-kept.ts';

/**
 * For an unencrypted connection beyond this machine: whoever answers may ask for the password itself, and does not get it. Methods
 * that prove it without sending it (SCRAM, MD5) go on.
 */
export class KeepingClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    // Before the driver's own listener: what that one writes goes nowhere, and the error is what `connect` throws.
    this.connection.on('authenticationCleartextPassword', () => {
      this.connection.stream.destroy(new PasswordKept());
    });
  }
}
