import * as v from 'valibot';
import { type Image, isImage } from '../canonical.ts';
import { operationIdPattern } from '../operation.ts';
import { isVersion } from '../version.ts';

/** What inputs and messages have in common. Messages of checks say what is wanted, never what came. */

export const migrationName = v.pipe(
  v.string(),
  v.regex(/^[a-z][a-z0-9-]{0,39}$/, 'is no name of a migration'),
);
export const entityName = v.pipe(v.string(), v.regex(/^[a-z][a-z0-9_]{0,39}$/, 'is no name of an entity'));
export const entityNames = v.pipe(v.array(entityName), v.maxLength(1_000, 'has too many names'));
/** A caller's own, or that of a later operation of a transaction. */
export const operationId = v.pipe(
  v.string(),
  v.regex(/^[\w.:@-]{1,160}(\/\d{1,4})?$/, 'is no operation id: 1 to 160 letters, digits and _ . : @ -'),
);
export const storeName = v.picklist(['legacy', 'modern']);
export const version = v.pipe(v.string(), v.check(isVersion, 'is no version: a decimal below 2^63'));
export const count = v.pipe(v.number(), v.safeInteger('is no whole number'), v.minValue(0, 'is below 0'));
export const positive = v.pipe(v.number(), v.safeInteger('is no whole number'), v.minValue(1, 'is below 1'));
export const milliseconds = v.pipe(v.number(), v.finite('is no number'), v.minValue(0, 'is below 0'));
export const share = v.pipe(v.number(), v.minValue(0, 'is below 0'), v.maxValue(1, 'is above 1'));
/** A caller's own. */
export const ownOperationId = v.pipe(
  v.string(),
  v.regex(operationIdPattern, 'is no operation id: 1 to 160 letters, digits and _ . : @ -'),
);
/** What a person writes. */
export const note = v.pipe(v.string(), v.maxLength(2_000, 'is longer than 2,000 characters'));
export const time = v.pipe(v.string(), v.maxLength(64, 'is no time'));
export const key = v.pipe(
  v.array(v.string()),
  v.minLength(1, 'has no part'),
  v.maxLength(64, 'has too many parts'),
);
export const image = v.custom<Image>(isImage, 'is no image: an object of canonical values');
