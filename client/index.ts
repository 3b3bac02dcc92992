/** `lockstep`: what a service imports. */

export type { Ack, Entity, EntityOptions, Pattern } from '../model/entity.ts';
export { entity } from '../model/entity.ts';
export type { FailureDetails, FailureSubject, StoreName, Violation } from '../model/failure.ts';
export { LockstepError } from '../model/failure.ts';
export type { FailureCode } from '../model/failure-codes.ts';
export type { Field, FieldFor } from '../model/field.ts';
export { field } from '../model/field.ts';
export { isLockstepError, isRetryable } from '../model/is-lockstep-error.ts';
export type { KeyOf, Patch } from '../model/key-input.ts';
export type { Migration, MigrationOptions, StoreOptions } from '../model/migration.ts';
export { defineMigration } from '../model/migration.ts';
export type { DurableState, Phase } from '../model/phase.ts';
export { phases } from '../model/phase.ts';
export type {
  BackfillSettings,
  JournalSettings,
  PhaseSettings,
  PostWriteValidationSettings,
  Settings,
  TransactionSettings,
  ValidationSettings,
  WriteSettings,
} from '../model/settings.ts';
export type { EmbeddedRecord, OwnedTable, ReferencedTable, Row, Rows, ShapeOf } from '../model/shape.ts';
export { rows, table } from '../model/shape.ts';
export type { Token } from '../model/token.ts';
export { parseToken } from '../model/token.ts';
export type {
  CallerTransaction,
  MysqlTransaction,
  PgTransaction,
  TransactionQuery,
} from './service/caller-transaction.ts';
export type { ConnectOptions, Lockstep } from './service/connect.ts';
export { connect } from './service/connect.ts';
export type { FlagAnswers, ShadowReads, StoreReads } from './service/counts.ts';
export type { Flags, OpenFeatureClient } from './service/flags.ts';
export { createDurableFlags, openFeatureFlags } from './service/flags.ts';
export type { FlagResolution, LockstepProvider } from './service/openfeature-provider.ts';
export type { PlaceOptions, ReadPlace } from './service/read-place.ts';
export type { Receipt } from './service/receipt.ts';
export type {
  ManyReadOptions,
  Read,
  ReadOptions,
  Repository,
  RepositoryOf,
  TokenRead,
} from './service/repository.ts';
export type { FlagContext } from './service/targeting-key.ts';
export { flagContext } from './service/targeting-key.ts';
export type { Touched } from './service/touch.ts';
export type { CommitReceipt, TransactionItem, TransactionOptions } from './service/transaction.ts';
export type { TransactionScope, TransactionWriter } from './service/transaction-writer.ts';
export type { WriteOutcome } from './service/write-many.ts';
export type { WriteOptions } from './service/write-options.ts';
