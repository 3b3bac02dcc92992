/** `lockstep`: what a service imports. */

export type { Ack, Entity, EntityOptions, Pattern } from '../model/entity.ts';
export { entity } from '../model/entity.ts';
export type { FailureDetails, StoreName } from '../model/failure.ts';
export { LockstepError } from '../model/failure.ts';
export type { FailureCode } from '../model/failure-codes.ts';
export type { Field, FieldsOf } from '../model/field.ts';
export { field } from '../model/field.ts';
export { isLockstepError } from '../model/is-lockstep-error.ts';
export type { Migration, MigrationOptions, Policy, StoreOptions } from '../model/migration.ts';
export { defineMigration } from '../model/migration.ts';
export type { OperationKind } from '../model/operation.ts';
export type { DurableState, Phase } from '../model/phase.ts';
export { phases } from '../model/phase.ts';
export type { EmbeddedRecord, OwnedTable, ReferencedTable, Row, Rows, Shape } from '../model/shape.ts';
export { columns, rows } from '../model/shape.ts';
export type { ConnectOptions, Lockstep } from './service/connect.ts';
export { connect } from './service/connect.ts';
export type { Flags, OpenFeatureClient } from './service/flags.ts';
export { durableFlags, openFeatureFlags } from './service/flags.ts';
export type { KeyInput } from './service/key-input.ts';
export type { ReadOptions, Receipt, Repository } from './service/repository.ts';
export type { ShadowReads } from './service/shadow.ts';
export type { Token } from './service/token.ts';
export type { TransactionItem, TransactionOptions, TransactionReceipt } from './service/transaction.ts';
export type { WriteOptions } from './service/write-options.ts';
