import { withLeastRights } from './engine-roles.ts';

/** A part of the contract once more, as an account that has what `prepare --grants` prints for a worker, and nothing else. */
withLeastRights();
await import('./primary-write.test.ts');
await import('./secondary-write.test.ts');
await import('./lists.test.ts');
await import('./copy.test.ts');
await import('./journal.test.ts');
